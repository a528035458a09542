"""A graph as an object of the package graphviz, as micrograd's `draw_dot` returns one, drawn by any renderer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from scalargrad import files
from viz.dot import CLOSING, NAME, OPENING, PINNED
from viz.formats import FORMATS
from viz.render import render


def digraph(dot: str, format: str) -> Any:
    r"""Return DOT that `to_dot` wrote as a `graphviz.Digraph`, to which statements can be added.

    >>> graph = digraph(OPENING + CLOSING, "svg")
    >>> graph.node("a", "a node")
    >>> print(graph.source.expandtabs(4), end="")
    digraph scalargrad {
        a [label="a node"]
    }

    Raises ImportError where the package is missing.
    """
    body = dot.removeprefix(OPENING).removesuffix(CLOSING).splitlines(keepends=True)
    return _class(len(body))(name=NAME, body=body, format=format)


def _class(statements: int) -> Any:
    try:
        import graphviz
    except ImportError as error:
        raise ImportError('draw_dot() needs the package graphviz: pip install "scalargrad[pictures]"') from error

    class Digraph(graphviz.Digraph):  # type: ignore[misc]
        """A graph that is drawn by whichever renderer is there: the package graphviz knows the program dot only."""

        def pipe(self, format: str | None = None, *arguments: Any, encoding: str | None = None, **others: Any) -> Any:
            format = format or self.format
            if self._is_for_the_program(format, arguments, others):
                return super().pipe(format, *arguments, encoding=encoding, **others)
            content = render(self._drawn(), format)
            return content if encoding is None else content.decode(encoding)

        def save(
            self,
            filename: str | os.PathLike[str] | None = None,
            directory: str | os.PathLike[str] | None = None,
            *,
            skip_existing: bool | None = False,
        ) -> str:
            """Write the source to a file, whole or not at all, and return the file's name."""
            if filename is not None:
                self.filename = os.fspath(filename)
            if directory is not None:
                self.directory = os.fspath(directory)
            path = Path(self.filepath)
            if not (skip_existing and path.exists()):
                path.parent.mkdir(parents=True, exist_ok=True)
                files.write(path, self.source.encode(self.encoding))
            return str(self.filepath)

        def render(
            self,
            filename: str | os.PathLike[str] | None = None,
            directory: str | os.PathLike[str] | None = None,
            view: bool = False,
            cleanup: bool = False,
            format: str | None = None,
            *arguments: Any,
            outfile: str | os.PathLike[str] | None = None,
            quiet_view: bool = False,
            **others: Any,
        ) -> str:
            """Write the source to a file, and the picture to another of its name with the format as ending."""
            if outfile is not None:
                outfile = Path(outfile) if directory is not None else Path(self.directory, outfile)
                format = format or outfile.suffix[1:].lower()
                filename = outfile.with_suffix(".gv") if filename is None else filename
            format = format or self.format
            if self._is_for_the_program(format, arguments, others):
                options = {"view": view, "cleanup": cleanup, "format": format, "outfile": outfile}
                return str(super().render(filename, directory, *arguments, quiet_view=quiet_view, **options, **others))
            picture = render(self._drawn(), format)
            source = self.save(filename, directory=directory)
            drawn = str(files.write(f"{source}.{format}" if outfile is None else outfile, picture))
            if cleanup:
                Path(source).unlink()
            if view or quiet_view:
                graphviz.view(drawn, quiet=quiet_view)
            return drawn

        def _drawn(self) -> str:
            """Return the source; where a node was added, which has no place, without the places of all others."""
            return self.source if len(self.body) == statements else self.source.replace(PINNED, "", 1)

        def _is_for_the_program(self, format: str, arguments: Any, options: dict[str, Any]) -> bool:
            chosen = any(arguments) or any(option for name, option in options.items() if name != "quiet")
            return format not in FORMATS or chosen or self.engine != "dot"

        def _repr_svg_(self) -> str:
            return str(self.pipe("svg", encoding="utf-8"))

    return Digraph
