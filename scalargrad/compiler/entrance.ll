; `enter`, the function through which Python calls a kernel: see entrance.py, which fills in what has a dollar sign.
;
; A plan says what a kernel takes and gives. Its head: the kernel's address and how many operations it has; how many
; numbers and arrays it takes and how many results it gives; the number of the first buffer of arguments; and where in
; the memory for one call, which begins with the buffers, there are the lone results, the lone arguments, the results
; as objects, the copies of arrays that are not laid out as a kernel needs them, and its end. After that, for each
; array and each result, its number of axes and their lengths: -1 axes are a lone number, a length of -1 is that of
; the samples.
;
; Other threads run while a long kernel does. The arguments live as long as the call does, and with them their memory,
; unless somebody has it exchanged (`resize` with `refcheck=False`). As with NumPy's own loops, not to do this, and not to
; write to the arrays meanwhile, is up to the caller.

%Plan = type { ptr, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64 }
%Array = type { [$header x i8], ptr, i32, ptr, ptr, ptr, ptr, i32 } ; memory, axes, shape, strides, base, dtype, flags
%DType = type { [$header x i8], ptr, i64 } ; class of its numbers; a letter for their kind, their order of bytes

declare ptr @PyBytes_AsString(ptr)
declare ptr @PyMem_Calloc(i64, i64)
declare void @PyMem_Free(ptr)
declare double @PyFloat_AsDouble(ptr)
declare ptr @PyFloat_FromDouble(double)
declare ptr @PyTuple_New(i64)
declare i32 @PyTuple_SetItem(ptr, i64, ptr)
declare ptr @PyErr_Occurred()
declare ptr @PyErr_NoMemory()
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare ptr @PyArray_NewFromDescr(ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)
declare ptr @PyArray_FromArray(ptr, ptr, i32)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define internal i64 @class(ptr %object) alwaysinline {
  %at = getelementptr i8, ptr %object, i64 $class
  %class = load i64, ptr %at
  ret i64 %class
}

; Take an array's memory for a buffer, if it is an array of real numbers as planned; that of a copy, which is put
; down, where it is not one of doubles, one after another. The first one with samples says how many there are. Return
; 0 where it is none, 1 where it is one, 2 where there is an error.
define internal i32 @take(ptr %object, ptr %planned, ptr %at_samples, ptr %buffer, ptr %copies) {
  %class = call i64 @class(ptr %object)
  %is_array = icmp eq i64 %class, $ndarray
  br i1 %is_array, label %array, label %refuse
array:
  %fields = load %Array, ptr %object
  %memory = extractvalue %Array %fields, 1
  %axes32 = extractvalue %Array %fields, 2
  %shape = extractvalue %Array %fields, 3
  %dtype = extractvalue %Array %fields, 6
  %flags = extractvalue %Array %fields, 7
  store ptr %memory, ptr %buffer
  %axes = sext i32 %axes32 to i64
  %axes_planned = load i64, ptr %planned
  %axes_fit = icmp eq i64 %axes, %axes_planned
  %at_type = getelementptr %DType, ptr %dtype, i32 0, i32 2
  %type = load i64, ptr %at_type
  br i1 %axes_fit, label %next, label %refuse
next:
  %axis = phi i64 [0, %array], [%after, %compare]
  %done = icmp eq i64 %axis, %axes
  br i1 %done, label %accept, label %compare
compare:
  %after = add i64 %axis, 1
  %at_length = getelementptr i64, ptr %shape, i64 %axis
  %length = load i64, ptr %at_length
  %at_wanted = getelementptr i64, ptr %planned, i64 %after
  %wanted = load i64, ptr %at_wanted
  %samples = load i64, ptr %at_samples
  %counts = icmp eq i64 %wanted, -1
  %wanted_now = select i1 %counts, i64 %samples, i64 %wanted
  %samples_now = select i1 %counts, i64 %length, i64 %samples
  store i64 %samples_now, ptr %at_samples
  %same = icmp eq i64 %length, %wanted_now
  %any = icmp eq i64 %wanted_now, -1
  %agree = or i1 %same, %any
  br i1 %agree, label %next, label %refuse
accept:
  %type_fits = icmp eq i64 %type, $double
  %whole = and i32 %flags, 257 ; C-contiguous and aligned
  %flags_fit = icmp eq i32 %whole, 257
  %fits = and i1 %type_fits, %flags_fit
  br i1 %fits, label %take, label %look
look:
  %kind = trunc i64 %type to i8
  switch i8 %kind, label %refuse [i8 $f, label %copy i8 $i, label %copy i8 $u, label %copy i8 $b, label %copy]
copy:
  %dtype_wanted = inttoptr i64 $dtype to ptr
  call void @Py_IncRef(ptr %dtype_wanted)
  %copied = call ptr @PyArray_FromArray(ptr %object, ptr %dtype_wanted, i32 273) ; in a row, aligned, at any loss
  store ptr %copied, ptr %copies
  %not_copied = icmp eq ptr %copied, null
  br i1 %not_copied, label %raise, label %copied_too
copied_too:
  %copied_fields = load %Array, ptr %copied
  %copied_memory = extractvalue %Array %copied_fields, 1
  store ptr %copied_memory, ptr %buffer
  br label %take
take:
  ret i32 1
refuse:
  ret i32 0
raise:
  ret i32 2
}

; Make an array as planned; null where there is no memory.
define internal ptr @make(ptr %planned, i64 %samples) {
  %shape = alloca [64 x i64]
  %axes = load i64, ptr %planned
  %lengths = getelementptr i64, ptr %planned, i64 1
  %bytes = mul i64 %axes, 8
  call void @llvm.memcpy.p0.p0.i64(ptr %shape, ptr %lengths, i64 %bytes, i1 false)
  %first = load i64, ptr %shape
  %counts = icmp eq i64 %first, -1
  %length = select i1 %counts, i64 %samples, i64 %first
  store i64 %length, ptr %shape
  %axes32 = trunc i64 %axes to i32
  %class = inttoptr i64 $ndarray to ptr
  %dtype = inttoptr i64 $dtype to ptr
  call void @Py_IncRef(ptr %dtype)
  %array = call ptr @PyArray_NewFromDescr(
    ptr %class, ptr %dtype, i32 %axes32, ptr %shape, ptr null, ptr null, i32 0, ptr null)
  ret ptr %array
}

define ptr @enter(ptr %self, ptr %given, i64 %count) {
  %at_samples = alloca i64
  store i64 -1, ptr %at_samples
  %at_plan = call ptr @PyBytes_AsString(ptr %self)
  %at_shapes = getelementptr %Plan, ptr %at_plan, i64 1
  %plan = load %Plan, ptr %at_plan
  %kernel = extractvalue %Plan %plan, 0
  %operations = extractvalue %Plan %plan, 1
  %numbers = extractvalue %Plan %plan, 2
  %arrays = extractvalue %Plan %plan, 3
  %results = extractvalue %Plan %plan, 4
  %first = extractvalue %Plan %plan, 5
  %to_alone = extractvalue %Plan %plan, 6
  %to_numbers = extractvalue %Plan %plan, 7
  %to_objects = extractvalue %Plan %plan, 8
  %to_copies = extractvalue %Plan %plan, 9
  %size = extractvalue %Plan %plan, 10
  %buffers = call ptr @PyMem_Calloc(i64 %size, i64 8)
  %alone = getelementptr double, ptr %buffers, i64 %to_alone
  %at_numbers = getelementptr double, ptr %buffers, i64 %to_numbers
  %objects = getelementptr ptr, ptr %buffers, i64 %to_objects
  %copies = getelementptr ptr, ptr %buffers, i64 %to_copies
  %no_memory = icmp eq ptr %buffers, null
  br i1 %no_memory, label %raise, label %begin
begin:
  store ptr %alone, ptr %buffers
  %arguments = getelementptr ptr, ptr %buffers, i64 %first
  store ptr %at_numbers, ptr %arguments
  %wanted = add i64 %numbers, %arrays
  %all_given = icmp eq i64 %count, %wanted
  br i1 %all_given, label %next_number, label %refuse

next_number:
  %n = phi i64 [0, %begin], [%n1, %put_number]
  %at_given = getelementptr ptr, ptr %given, i64 %n
  %numbers_done = icmp eq i64 %n, %numbers
  br i1 %numbers_done, label %next_array, label %number
number:
  %n1 = add i64 %n, 1
  %number_object = load ptr, ptr %at_given
  %class = call i64 @class(ptr %number_object)
  switch i64 %class, label %refuse [$numbers]
take_number:
  %x = call double @PyFloat_AsDouble(ptr %number_object)
  %at_x = getelementptr double, ptr %at_numbers, i64 %n
  store double %x, ptr %at_x
  %suspect = fcmp oeq double %x, -1.0
  br i1 %suspect, label %look, label %put_number
look:
  %error = call ptr @PyErr_Occurred()
  %too_large = icmp ne ptr %error, null
  br i1 %too_large, label %fail, label %put_number
put_number:
  br label %next_number

next_array:
  %a = phi i64 [0, %next_number], [%a1, %took_array]
  %a_planned = phi ptr [%at_shapes, %next_number], [%a_after, %took_array]
  %arrays_done = icmp eq i64 %a, %arrays
  br i1 %arrays_done, label %next_result, label %array
array:
  %a1 = add i64 %a, 1
  %at_array = getelementptr ptr, ptr %at_given, i64 %a
  %array_object = load ptr, ptr %at_array
  %a_buffer = getelementptr ptr, ptr %arguments, i64 %a1
  %a_copy = getelementptr ptr, ptr %copies, i64 %a
  %taken = call i32 @take(ptr %array_object, ptr %a_planned, ptr %at_samples, ptr %a_buffer, ptr %a_copy)
  switch i32 %taken, label %took_array [i32 0, label %refuse i32 2, label %fail]
took_array:
  %a_axes = load i64, ptr %a_planned
  %a_words = add i64 %a_axes, 1
  %a_after = getelementptr i64, ptr %a_planned, i64 %a_words
  br label %next_array

next_result:
  %r = phi i64 [0, %next_array], [%r1, %lone], [%r1, %made]
  %r_planned = phi ptr [%a_planned, %next_array], [%lone_after, %lone], [%r_after, %made]
  %r_buffer = phi ptr [%buffers, %next_array], [%r_buffer, %lone], [%own_buffer, %made]
  %results_done = icmp eq i64 %r, %results
  br i1 %results_done, label %run, label %result
result:
  %r1 = add i64 %r, 1
  %r_axes = load i64, ptr %r_planned
  %is_lone = icmp slt i64 %r_axes, 0
  br i1 %is_lone, label %lone, label %make
lone:
  %lone_after = getelementptr i64, ptr %r_planned, i64 1
  br label %next_result
make:
  %own_buffer = getelementptr ptr, ptr %r_buffer, i64 1
  %samples_given = load i64, ptr %at_samples
  %made_array = call ptr @make(ptr %r_planned, i64 %samples_given)
  %at_made = getelementptr ptr, ptr %objects, i64 %r
  store ptr %made_array, ptr %at_made
  %not_made = icmp eq ptr %made_array, null
  br i1 %not_made, label %fail, label %made
made:
  %made_fields = load %Array, ptr %made_array
  %made_memory = extractvalue %Array %made_fields, 1
  store ptr %made_memory, ptr %own_buffer
  %r_words = add i64 %r_axes, 1
  %r_after = getelementptr i64, ptr %r_planned, i64 %r_words
  br label %next_result

run:
  %samples = load i64, ptr %at_samples
  %many = icmp sgt i64 %samples, 1
  %times = select i1 %many, i64 %samples, i64 1
  %work = mul i64 %times, %operations
  %is_long = icmp sgt i64 %work, $long
  br i1 %is_long, label %run_alone, label %run_here
run_alone:
  %thread = call ptr @PyEval_SaveThread()
  call void %kernel(ptr %buffers, i64 %samples)
  call void @PyEval_RestoreThread(ptr %thread)
  br label %has_run
run_here:
  call void %kernel(ptr %buffers, i64 %samples)
  br label %has_run
has_run:
  %kept = load ptr, ptr %buffers
  %found_none = icmp eq ptr %kept, null ; no memory
  br i1 %found_none, label %no_memory_to_run, label %next_object
no_memory_to_run:
  call ptr @PyErr_NoMemory()
  br label %fail

next_object:
  %o = phi i64 [0, %has_run], [%o1, %there]
  %at_y = phi ptr [%alone, %has_run], [%y_after, %there]
  %objects_done = icmp eq i64 %o, %results
  br i1 %objects_done, label %gather, label %object
object:
  %o1 = add i64 %o, 1
  %at_object = getelementptr ptr, ptr %objects, i64 %o
  %found = load ptr, ptr %at_object
  %missing = icmp eq ptr %found, null
  br i1 %missing, label %make_number, label %there
make_number:
  %y = load double, ptr %at_y
  %at_next_y = getelementptr double, ptr %at_y, i64 1
  %y_object = call ptr @PyFloat_FromDouble(double %y)
  store ptr %y_object, ptr %at_object
  %no_object = icmp eq ptr %y_object, null
  br i1 %no_object, label %fail, label %there
there:
  %y_after = phi ptr [%at_y, %object], [%at_next_y, %make_number]
  br label %next_object

gather:
  %is_one = icmp eq i64 %results, 1
  br i1 %is_one, label %one, label %several
one:
  %single = load ptr, ptr %objects
  br label %next_copy
several:
  %tuple = call ptr @PyTuple_New(i64 %results)
  %no_tuple = icmp eq ptr %tuple, null
  br i1 %no_tuple, label %fail, label %next_item
next_item:
  %t = phi i64 [0, %several], [%t1, %item]
  %items_done = icmp eq i64 %t, %results
  br i1 %items_done, label %next_copy, label %item
item:
  %t1 = add i64 %t, 1
  %at_item = getelementptr ptr, ptr %objects, i64 %t
  %item_object = load ptr, ptr %at_item
  call i32 @PyTuple_SetItem(ptr %tuple, i64 %t, ptr %item_object)
  br label %next_item

refuse:
  %refusal = inttoptr i64 $refusal to ptr
  call void @Py_IncRef(ptr %refusal)
  br label %next_copy
fail:
  %f = phi i64 [0, %look], [0, %array], [0, %make], [0, %no_memory_to_run], [0, %make_number], [0, %several],
               [%f1, %drop]
  %all_dropped = icmp eq i64 %f, %results
  br i1 %all_dropped, label %next_copy, label %drop
drop:
  %f1 = add i64 %f, 1
  %at_dropped = getelementptr ptr, ptr %objects, i64 %f
  %dropped = load ptr, ptr %at_dropped
  call void @Py_DecRef(ptr %dropped)
  br label %fail
next_copy:
  %c = phi i64 [0, %one], [0, %next_item], [0, %refuse], [0, %fail], [%c1, %drop_copy]
  %answer = phi ptr [%single, %one], [%tuple, %next_item], [%refusal, %refuse], [null, %fail], [%answer, %drop_copy]
  %all_copies_dropped = icmp eq i64 %c, %arrays
  br i1 %all_copies_dropped, label %leave, label %drop_copy
drop_copy:
  %c1 = add i64 %c, 1
  %at_copy = getelementptr ptr, ptr %copies, i64 %c
  %copy = load ptr, ptr %at_copy
  call void @Py_DecRef(ptr %copy)
  br label %next_copy
leave:
  call void @PyMem_Free(ptr %buffers)
  ret ptr %answer
raise:
  call ptr @PyErr_NoMemory()
  ret ptr null
}
