"""Parses lists of captions in a single cell of a table."""

import ast
import io
import json
import tokenize

# Far more characters than the captions of one photo, usually five, ever have.
_LONGEST = 100_000
_LINE_ENDS = (tokenize.NEWLINE, tokenize.NL, tokenize.ENDMARKER)


def split_list(cell: str) -> list[str]:
    """Returns the strings of a list that was written into one cell.

    Tables may contain lists as Python prints them (`['A dog', "A dog's"]`), as NumPy prints them
    (`['A dog' 'A cat']`), for instance if saved by pandas, or as JSON.

    Args:
        cell: The cell's text.

    Returns:
        The strings; only the cell itself if it is not a list of strings.
    """
    text = cell.strip()
    if not (text.startswith("[") and text.endswith("]")) or len(text) > _LONGEST:
        return [cell]
    try:
        texts = json.loads(text)
    except (ValueError, RecursionError):
        texts = _python_texts(text)
    if texts and isinstance(texts, list) and all(isinstance(one, str) for one in texts):
        return texts
    return [cell]


def _python_texts(text: str) -> list[str] | None:
    """Returns the string literals of a list; None if anything else is in it."""
    texts = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.STRING:
                # One string literal, at most `_LONGEST` characters long: nothing is executed.
                texts.append(ast.literal_eval(token.string))
            elif token.string not in ("[", "]", ",") and token.type not in _LINE_ENDS:
                return None
    except (SyntaxError, ValueError, tokenize.TokenError):
        return None
    return texts
