"""The compiler behind `jit`: a recorded graph as a program, the program as LLVM or as source, and its calls."""
