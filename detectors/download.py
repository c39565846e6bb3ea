"""Fetching one file from its official address: resumable, checked, and put in place in one step."""

from __future__ import annotations

import hashlib
import http.client
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

from nanomot.errors import NanomotError

_BLOCK = 1 << 16
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects only to addresses that would be allowed themselves."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(
    url: str, target: Path, *, size: int | None = None, sha256: str | None = None, timeout: float = 30.0
) -> Path:
    """Fetch ``url`` into the file ``target`` and return it.

    The bytes go into ``<target>.part``, which the next call continues when this one is interrupted, unless the file
    has changed on the server (RFC 9110, If-Range). Only a complete file that passes all checks takes the target's name.

    Args:
        url: an https address (http for this machine itself).
        target: where the file is to lie; missing folders are made.
        size: how many bytes it must have, where known.
        sha256: which digest it must have, where known.
        timeout: seconds without any byte after which the attempt is given up.

    Raises:
        NanomotError: the address is not allowed, cannot be reached, or what came is not the file.
    """
    _check_address(url)
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, part, size, timeout)
        _check_content(url, part, size, sha256)
        part.replace(target)
        _version_path(part).unlink(missing_ok=True)
    except urllib.error.HTTPError as error:
        raise NanomotError(f"{url}: the server answers {error.code} ({error.reason}).") from error
    except urllib.error.URLError as error:
        raise NanomotError(f"{url}: cannot be reached ({error.reason}).") from error
    except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise NanomotError(
            f"{url}: the connection broke ({type(error).__name__}); run it again to continue."
        ) from error
    except OSError as error:
        raise NanomotError(f"{target}: cannot be written ({error.strerror or error}).") from error
    return target


def _check_address(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)):
        raise NanomotError(f"{url}: files are fetched from https addresses only.")


def _fetch(url: str, part: Path, size: int | None, timeout: float) -> None:
    """Bring ``part`` to its full length, going on from the bytes that it has."""
    have = part.stat().st_size if part.exists() else 0
    if size is not None and have == size:
        return
    request = urllib.request.Request(url, headers={"User-Agent": "nanomot", "Accept-Encoding": "identity"})
    version = _stored_version(part) if have else ""
    if have:
        request.add_header("Range", f"bytes={have}-")
    if version:
        request.add_header("If-Range", version)
    opener = urllib.request.build_opener(_CheckedRedirects)
    try:
        response = opener.open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not have:
            raise
        # The bytes that are here already reach the file's end or beyond: start again, the checks need all of it.
        _drop(part)
        _fetch(url, part, size, timeout)
        return
    with response:
        begin = _first_byte(response)
        if begin and version and _version(response) not in ("", version):
            # A server that knows nothing of If-Range: this is the end of another file.
            _drop(part)
            _fetch(url, part, size, timeout)
            return
        if begin not in (0, have):
            raise NanomotError(f"{url}: the server sends another part of the file than was asked for.")
        length = response.headers.get("Content-Length")
        total = begin + int(length) if length and length.isdigit() else None
        if size is not None and total not in (None, size):
            # Better known now than after gigabytes.
            _drop(part)
            raise NanomotError(f"{url}: the file has {total} bytes instead of {size}; nothing was kept.")
        if not begin:
            _keep_version(part, _version(response))
        _store(response, part, begin, total)
    got = part.stat().st_size
    if total is not None and got < total:
        raise NanomotError(f"{url}: ended after {got} of {total} bytes; run it again to continue.")


def _first_byte(response: http.client.HTTPResponse) -> int:
    """The place in the file at which the answer begins."""
    if response.status != http.client.PARTIAL_CONTENT:
        return 0
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else -1


def _version(response: http.client.HTTPResponse) -> str:
    """What tells this content of the address from another, as ``If-Range`` takes it; empty where nothing does."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _version_path(part: Path) -> Path:
    return part.with_name(part.name + ".version")


def _stored_version(part: Path) -> str:
    """The version whose first bytes ``part`` holds; empty where it is not known."""
    try:
        return _version_path(part).read_text(encoding="latin-1").strip()
    except FileNotFoundError:
        return ""


def _keep_version(part: Path, version: str) -> None:
    part.unlink(missing_ok=True)  # bytes of one version never lie beside the name of another
    if version:
        _version_path(part).write_text(version, encoding="latin-1")
    else:
        _version_path(part).unlink(missing_ok=True)


def _drop(part: Path) -> None:
    part.unlink(missing_ok=True)
    _version_path(part).unlink(missing_ok=True)


def _store(response: http.client.HTTPResponse, part: Path, begin: int, total: int | None) -> None:
    # tqdm with disable=None shows nothing where the output is not a terminal.
    bar = tqdm(total=total, initial=begin, unit="B", unit_scale=True, desc=part.stem, disable=None)
    with part.open("ab" if begin else "wb") as file, bar:
        while block := response.read(_BLOCK):
            file.write(block)
            bar.update(len(block))


def _check_content(url: str, part: Path, size: int | None, sha256: str | None) -> None:
    """Reject, and remove, what is not the file that was asked for."""
    digest, count = hashlib.sha256(), 0
    with part.open("rb") as file:
        while block := file.read(_BLOCK):
            if count == 0 and block.lstrip()[:1] == b"<":
                fault = "a web page came instead of the file"
                break
            if sha256 is not None:
                digest.update(block)
            count += len(block)
        else:
            fault = ""
            if count == 0:
                fault = "the file is empty"
            elif size is not None and count != size:
                fault = f"the file has {count} bytes instead of {size}"
            elif sha256 is not None and digest.hexdigest() != sha256:
                fault = f"the file's sha256 is {digest.hexdigest()} instead of {sha256}"
    if fault:
        _drop(part)
        raise NanomotError(f"{url}: {fault}; nothing was kept.")
