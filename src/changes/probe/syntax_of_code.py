"""Code without source (made by `exec`, or typed into a notebook): what can be told from what was compiled."""

import types


def text_of_code(code):
    """A text that is the same for the same source in all releases of Python, the names it uses and its texts."""
    names, constants = set(code.co_names), set()
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _, inner_names, inner_constants = text_of_code(constant)
            names |= inner_names
            constants |= inner_constants
        elif isinstance(constant, str):
            constants.add(constant)
        else:
            constants.add(repr(constant))
    constants.discard(repr(None))
    names |= set(code.co_freevars)
    return "%r %r" % (sorted(names), sorted(constants)), names, constants
