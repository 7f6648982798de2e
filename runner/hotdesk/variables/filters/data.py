"""Filters over dicts and lists: combine, dict2items, subelements, flatten, extract, zip and their kind."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from jinja2 import Undefined, pass_environment
from jinja2.filters import sync_do_groupby

from hotdesk.errors import nearest
from hotdesk.variables import bounds
from hotdesk.variables.trust import plain
from hotdesk.variables.undefined import Missing

LIST_MERGES: Final = ("replace", "keep", "append", "prepend", "append_rp", "prepend_rp")


def combine(*terms: Any, recursive: bool = False, list_merge: str = "replace") -> dict[Any, Any]:
    """Mappings (or lists of mappings) merged, later ones win."""
    if list_merge not in LIST_MERGES:
        raise ValueError(f"list_merge must be one of {', '.join(LIST_MERGES)}. {nearest(list_merge, LIST_MERGES)}")
    result: dict[Any, Any] = {}
    for term in flatten(list(terms), levels=1):
        if not isinstance(term, Mapping):
            raise TypeError(f"combine merges dictionaries, not {type_debug(term)}")
        result = _merge(result, term, recursive, list_merge)
    return result


def _merge(low: Mapping[Any, Any], high: Mapping[Any, Any], recursive: bool, list_merge: str) -> dict[Any, Any]:
    merged = dict(low)
    for key, value in high.items():
        old = merged.get(key)
        if recursive and isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = _merge(old, value, recursive, list_merge)
        elif isinstance(old, list) and isinstance(value, list):
            merged[key] = _merge_lists(old, value, list_merge)
        else:
            merged[key] = value
    return merged


def _merge_lists(old: list[Any], new: list[Any], how: str) -> list[Any]:
    if how == "keep":
        return old
    if how == "append":
        return [*old, *new]
    if how == "prepend":
        return [*new, *old]
    rest = [item for item in old if item not in new]
    return {"replace": new, "append_rp": [*rest, *new], "prepend_rp": [*new, *rest]}[how]


def dict2items(value: Any, key_name: str = "key", value_name: str = "value") -> list[dict[str, Any]]:
    if not isinstance(value, Mapping):
        raise TypeError(f"dict2items needs a dictionary, not {type_debug(value)}")
    return [{key_name: key, value_name: item} for key, item in value.items()]


def items2dict(value: Any, key_name: str = "key", value_name: str = "value") -> dict[Any, Any]:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"items2dict needs a list, not {type_debug(value)}")
    try:
        return {item[key_name]: item[value_name] for item in value}
    except (KeyError, TypeError):
        raise ValueError(f"items2dict needs dictionaries with the keys {key_name!r} and {value_name!r}") from None


def subelements(value: Any, path: Any, skip_missing: bool = False) -> list[tuple[Any, Any]]:
    """Each element paired with each item of the list found in it under ``path`` (dotted text or a list of keys)."""
    elements = list(value.values()) if isinstance(value, Mapping) else list(value)
    keys = path.split(".") if isinstance(path, str) else list(path)
    return [(element, item) for element in elements for item in _sublist(element, keys, skip_missing)]


def _sublist(element: Any, keys: Sequence[str], skip_missing: bool) -> list[Any]:
    found = element
    for key in keys:
        if not isinstance(found, Mapping):
            raise TypeError(f"subelements needs dictionaries on the way to {key!r}, not {type_debug(found)}")
        if key not in found:
            if skip_missing:
                return []
            raise KeyError(f"there is no key {key!r} in the element; skip_missing=true leaves such elements out")
        found = found[key]
    if not isinstance(found, list):
        raise TypeError(f"the key {keys[-1]!r} should hold a list, it holds {type_debug(found)}")
    return found


def flatten(value: Any, levels: int | None = None, skip_nulls: bool = True) -> list[Any]:
    """Nested lists as one, at most ``levels`` deep; nulls are left out."""
    result: list[Any] = []
    for item in value:
        if skip_nulls and (item is None or (isinstance(item, str) and item in ("None", "null"))):
            continue
        if isinstance(item, (list, tuple)) and levels is None:
            result.extend(flatten(item, skip_nulls=skip_nulls))
        elif isinstance(item, (list, tuple)) and levels is not None and levels >= 1:
            result.extend(flatten(item, levels=levels - 1, skip_nulls=skip_nulls))
        else:
            result.append(item)
    return result


@pass_environment
def extract(environment: Any, item: Any, container: Any, morekeys: Any = None) -> Any:
    keys = [item]
    if morekeys is not None:
        keys += morekeys if isinstance(morekeys, list) else [morekeys]
    value = container
    for key in keys:
        value = environment.getitem(value, key)
    return value


def ternary(value: Any, true_val: Any, false_val: Any, none_val: Any = None) -> Any:
    if value is None and none_val is not None:
        return none_val
    return true_val if value else false_val


def mandatory(value: Any, msg: str | None = None) -> Any:
    """The value itself; when it is undefined, an error with the user's own message."""
    if not isinstance(value, Undefined):
        return value
    name = value._undefined_name
    raise Missing(
        msg or f"the mandatory variable {name!r} is not defined"
        if name
        else msg or "a mandatory variable is not defined"
    )


def type_debug(value: Any) -> str:
    """The name of the value's type, as a user knows it."""
    if isinstance(value, Undefined):
        return "UndefinedMarker"
    if isinstance(value, str):
        return "str"
    return str(getattr(type(value), "shown_as", type(value).__name__))


def to_bool(value: Any) -> bool:
    """yes, on, true, y, t and 1 (any case) are true, all else is false."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.strip().lower() in ("yes", "on", "1", "true", "y", "t")
    return bool(value == 1)


def rekey_on_member(data: Any, key: str, duplicates: Literal["error", "overwrite"] = "error") -> dict[Any, Any]:
    """A dictionary of the elements by their member ``key``."""
    if duplicates not in ("error", "overwrite"):
        raise ValueError(f"duplicates must be error or overwrite, not {duplicates!r}")
    result: dict[Any, Any] = {}
    for item in data.values() if isinstance(data, Mapping) else data:
        if not isinstance(item, Mapping):
            raise TypeError(f"rekey_on_member needs dictionaries, not {type_debug(item)}")
        if key not in item:
            raise KeyError(f"the key {key!r} was not found")
        if item[key] in result and duplicates == "error":
            raise ValueError(f"the key {item[key]!r} is not unique")
        result[item[key]] = item
    return result


def zip_(*lists: Iterable[Any], strict: bool = False) -> list[tuple[Any, ...]]:
    return list(zip(*lists, strict=strict))


def zip_longest(*lists: Iterable[Any], fillvalue: Any = None) -> list[tuple[Any, ...]]:
    return list(itertools.zip_longest(*lists, fillvalue=fillvalue))


def product(*lists: Iterable[Any], repeat: int = 1) -> list[tuple[Any, ...]]:
    found = [list(one) for one in lists]
    bounds.check_size([], math.prod(map(len, found)) ** repeat if repeat < bounds.MOST_BITS else bounds.MOST_TEXT)
    return list(itertools.product(*found, repeat=repeat))


def permutations(items: Iterable[Any], r: int | None = None) -> list[tuple[Any, ...]]:
    found = list(items)
    bounds.check_size([], math.perm(len(found), r))
    return list(itertools.permutations(found, r))


def combinations(items: Iterable[Any], r: int) -> list[tuple[Any, ...]]:
    found = list(items)
    bounds.check_size([], math.comb(len(found), r))
    return list(itertools.combinations(found, r))


@pass_environment
def groupby(
    environment: Any, value: Any, attribute: Any, default: Any = None, case_sensitive: bool = False
) -> list[Any]:
    """Jinja's, with plain pairs, so that the result is data."""
    grouped = sync_do_groupby(environment, value, attribute, default, case_sensitive)
    return [(plain(key), items) for key, items in grouped]


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "bool": to_bool,
    "combinations": combinations,
    "combine": combine,
    "dict2items": dict2items,
    "extract": extract,
    "flatten": flatten,
    "groupby": groupby,
    "items2dict": items2dict,
    "mandatory": mandatory,
    "permutations": permutations,
    "product": product,
    "rekey_on_member": rekey_on_member,
    "subelements": subelements,
    "ternary": ternary,
    "type_debug": type_debug,
    "zip": zip_,
    "zip_longest": zip_longest,
}
