# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Print a program in C that fails unless each structure and constant of the
Python package is that of the headers."""

import ctypes

from contig import _abi


def same(expression: str, value: int) -> None:
    print(f'\tif ((long long)({expression}) != {value})\n'
          f'\t\twrong = 1, printf("%s is %lld in C and {value} in Python\\n", '
          f'"{expression}", (long long)({expression}));')


def main() -> None:
    structures = [value for name, value in vars(_abi).items()
                  if isinstance(value, type) and
                  issubclass(value, ctypes.Structure) and
                  hasattr(value, "_fields_")]
    print("#include <stddef.h>\n#include <stdio.h>\n#include <contig.h>\n\n"
          "int main(void)\n{\n\tint wrong = 0;\n")
    for structure in structures:
        name = f"struct {structure.__name__}"
        same(f"sizeof({name})", ctypes.sizeof(structure))
        for field, *_ in structure._fields_:
            if field == "_pad":
                continue
            place = getattr(structure, field)
            same(f"offsetof({name}, {field})", place.offset)
            same(f"sizeof((({name} *)0)->{field})", place.size)
    for prefix, kind in ((prefix, kind) for kind, prefix in
                         _abi.ENUMS.values()):
        for name, value in kind.__members__.items():
            same(prefix + name, value)
            if prefix == "CONTIG_IOCTL_":
                same("CONTIG_" + name, value)
    for name, value in vars(_abi).items():
        if name.startswith("CONTIG_") and isinstance(value, int):
            same(name, value)
    print("\treturn wrong;\n}")


if __name__ == "__main__":
    main()
