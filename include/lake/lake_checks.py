"""Check a lake before its first use: permissions, create-only puts, and public access."""

from __future__ import annotations

from collections.abc import Callable

from obstore.exceptions import BaseError, NotFoundError

from include.errors import AccessDenied
from include.lake.lake import Lake
from include.lake.stores.bucket_store import BucketStore
from include.lake.stores.create_only_probe import PROBE_KEY, prove_create_only
from include.lake.stores.store_errors import forbids


def check_access(lake: Lake) -> None:
    """Check that the lake can be listed, read and written, and that its store enforces create-only puts.

    Raises:
        UnsafeStore: the store does not enforce create-only puts.
        AccessDenied: the credential lacks the permission to list, read or write; the message names the missing one.
        LakeError: the lake cannot be reached.
    """
    next(lake.keys(""), None)
    lake.read(PROBE_KEY)
    try:
        prove_create_only(lake)
    except AccessDenied as denied:
        raise AccessDenied(
            f"This credential may list and read the lake {lake.url}, but not write it, so it could not be checked whether "
            "the store enforces create-only puts.",
            denied.hint,
        ) from None


def is_public(lake: Lake) -> bool:
    """Return whether a bucket can be listed, or one of its objects read, without credentials.

    Raises:
        LakeError: the requests without credentials failed for another reason than a missing permission.
    """
    lake.check_writable()
    anonymous = BucketStore(lake.url, lake.retry_seconds, without_credentials=True)
    probes: tuple[Callable[[], object], ...] = (anonymous.probe_read, lambda: anonymous.head(PROBE_KEY))
    for probe in probes:
        try:
            probe()
        except NotFoundError:
            continue
        except (BaseError, OSError) as error:
            if forbids(error):
                continue
            raise lake.error("check access without credentials to", "", error) from None
        return True
    return False
