"""Images as objects of one bucket of an S3 server.

Small images are one object put at once; others go up in parts while they stream in: one part is being sent while the next
is collected, so memory is two parts. Locations are `s3://HOST/BUCKET/IMAGE` (`s3+https://` where the server speaks TLS);
unlike upstream's they hold no keys.
"""

import contextlib
import itertools
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from oslo_config import cfg

from services.image.drivers.base import (
    CHUNK_BYTES,
    BadLocation,
    Digests,
    Duplicate,
    NotFound,
    StoreDenied,
    StoredImage,
    StoreError,
    StoreFull,
    check_image_id,
    digested,
    joined,
)

_MIB = 1 << 20
_PARTS_MAX = 10_000
_PART_MAX = 5 << 30
_DOUBLE_AFTER = 2_000
_DENIED = frozenset(("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403", "RequestTimeTooSkewed"))
_FULL = frozenset(("QuotaExceeded", "EntityTooLarge", "InsufficientCapacity", "507"))
_GONE = frozenset(("404", "NoSuchKey", "NotFound"))


class S3Store:
    """Implements `Store`, `Predictable` and `Abandoned`."""

    scheme = "s3"
    read_only = False

    def __init__(self, name: str, settings: cfg.ConfigOpts.GroupAttr) -> None:
        self.name, self._settings, self._bucket = name, settings, settings.s3_bucket
        parts = urllib.parse.urlsplit(settings.s3_endpoint or "")
        self._prefix = f"{'s3+https' if parts.scheme == 'https' else 's3'}://{parts.netloc}{parts.path.rstrip('/')}/{self._bucket}/"
        self._part_bytes, self._algorithm = settings.s3_part_mib * _MIB, settings.hash_algorithm
        self._made: Any = None
        self._bucket_known = False

    def start(self) -> None:
        """See `Store.start`. Whether the server answers shows with the first use: it may come up after us."""
        for option in ("s3_endpoint", "s3_access_key", "s3_secret_key", "s3_bucket"):
            if not getattr(self._settings, option):
                raise StoreError(f"[{self.name}] {option} must be set")
        self._client()

    def _client(self) -> Any:
        if self._made is None:
            self._made = _connect(self._settings)
        return self._made

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """What the server or the network says, as StoreErrors without keys or signatures."""
        from botocore import exceptions

        try:
            yield
        except exceptions.ClientError as e:
            code = str(e.response.get("Error", {}).get("Code", ""))
            if code in _GONE:
                raise NotFound("the image is not in the store") from e
            if code in _DENIED:
                raise StoreDenied(f"the S3 server of {self.name} refuses: {code}") from e
            if code in _FULL:
                raise StoreFull(f"the S3 server of {self.name} has no room: {code}") from e
            raise StoreError(f"the S3 server of {self.name} answers {code}") from e
        except exceptions.BotoCoreError as e:
            raise StoreError(f"the S3 server of {self.name} cannot be used: {type(e).__name__}") from e

    def _ensure_bucket(self) -> None:
        if self._bucket_known:
            return
        with self._errors():
            names = {b["Name"] for b in self._client().list_buckets()["Buckets"]} if self._settings.s3_create_bucket else None
            if names is not None and self._bucket not in names:
                self._client().create_bucket(Bucket=self._bucket)
        self._bucket_known = True

    # the protocol

    def add(self, image_id: str, stream: Iterable[bytes], size_hint: int | None = None) -> StoredImage:
        """See `Store.add`."""
        check_image_id(image_id)
        self._ensure_bucket()
        if self._exists(image_id):
            raise Duplicate(f"{self.name} already holds image {image_id}")
        digests = Digests(self._algorithm)
        pieces = joined(digested(stream, digests), _part_sizes(self._part_bytes, size_hint))
        head = list(itertools.islice(pieces, 2))
        if len(head) < 2:
            with self._errors():
                self._client().put_object(Bucket=self._bucket, Key=image_id, Body=head.pop() if head else b"")
        else:
            self._send_parts(image_id, _chained(head, pieces))
        return digests.stored(self.location(image_id))

    def _send_parts(self, key: str, pieces: Iterator[bytes]) -> None:
        """All or nothing: parts that were sent go when the stream breaks."""
        client, where = self._client(), {"Bucket": self._bucket, "Key": key}
        with self._errors():
            where["UploadId"] = client.create_multipart_upload(**where)["UploadId"]

        def send(number: int, data: bytes) -> dict[str, Any]:
            with self._errors():
                return {"PartNumber": number, "ETag": client.upload_part(**where, PartNumber=number, Body=data)["ETag"]}

        with ThreadPoolExecutor(1, thread_name_prefix="s3-part") as aside:
            sent: list[Future[dict[str, Any]]] = []
            try:
                for piece in pieces:
                    if sent:
                        sent[-1].result()
                    if len(sent) >= _PARTS_MAX:
                        raise StoreFull(f"{self.name} takes no image of more than {_PARTS_MAX} parts; raise s3_part_mib")
                    sent.append(aside.submit(send, len(sent) + 1, piece))
                parts = [one.result() for one in sent]
                with self._errors():
                    client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
            except BaseException:
                if sent and not sent[-1].cancel():
                    sent[-1].exception()
                with contextlib.suppress(StoreError), self._errors():
                    client.abort_multipart_upload(**where)
                raise

    def get(self, location: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See `Store.get`."""
        key, size = self._key(location), self.size(location)
        end = size if length is None else min(size, offset + length)
        if offset >= end:
            return iter(())
        with self._errors():
            found = self._client().get_object(Bucket=self._bucket, Key=key, Range=f"bytes={offset}-{end - 1}")
        return self._read(found["Body"], end - offset)

    def _read(self, body: Any, wanted: int) -> Iterator[bytes]:
        from urllib3.exceptions import HTTPError

        with contextlib.closing(body), self._errors():
            try:
                while chunk := body.read(CHUNK_BYTES):
                    wanted -= len(chunk)
                    yield chunk
            except HTTPError as e:
                raise StoreError(f"the S3 server of {self.name} broke off: {type(e).__name__}") from e
        if wanted:
            raise StoreError(f"the S3 server of {self.name} broke off {wanted} bytes before the end")

    def delete(self, location: str) -> None:
        """See `Store.delete`."""
        key = self._key(location)
        with self._errors():
            self._client().head_object(Bucket=self._bucket, Key=key)
            self._client().delete_object(Bucket=self._bucket, Key=key)

    def size(self, location: str) -> int:
        """See `Store.size`."""
        key = self._key(location)
        with self._errors():
            return int(self._client().head_object(Bucket=self._bucket, Key=key)["ContentLength"])

    def exists(self, location: str) -> bool:
        """See `Store.exists`."""
        return self._exists(self._key(location))

    def _exists(self, key: str) -> bool:
        try:
            with self._errors():
                self._client().head_object(Bucket=self._bucket, Key=key)
        except NotFound:
            return False
        return True

    def details(self) -> dict[str, Any]:
        """See `Store.details`."""
        size = self._part_bytes // _MIB
        return {"s3_store_large_object_size": size, "s3_store_large_object_chunk_size": size, "s3_store_thread_pools": 1}

    def location(self, image_id: str) -> str:
        """See `Predictable.location`."""
        check_image_id(image_id)
        return self._prefix + image_id

    def clear_partial(self, image_id: str) -> None:
        """See `Abandoned.clear_partial`: parts of uploads whose daemon died cost room, and nobody sees them."""
        check_image_id(image_id)
        self._ensure_bucket()
        with self._errors():
            found = self._client().list_multipart_uploads(Bucket=self._bucket, Prefix=image_id)
            for upload in found.get("Uploads", []):
                if upload["Key"] == image_id:
                    self._client().abort_multipart_upload(Bucket=self._bucket, Key=image_id, UploadId=upload["UploadId"])

    def _key(self, location: str) -> str:
        """The object of a location; BadLocation when it is of another server or bucket."""
        key = location.removeprefix(self._prefix)
        if key == location:
            raise BadLocation(f"the location is not one of {self.name}")
        check_image_id(key)
        return key


def _connect(settings: Any) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError as e:
        raise StoreError("the S3 client library is missing (boto3)") from e
    config = Config(
        signature_version="s3v4", connect_timeout=settings.s3_timeout_s, read_timeout=settings.s3_timeout_s,
        retries={"max_attempts": 3, "mode": "standard"}, s3={"addressing_style": settings.s3_addressing},
        # Servers other than Amazon's know no trailing checksums; the body's SHA-256 is part of the signature anyway.
        request_checksum_calculation="when_required", response_checksum_validation="when_required")
    session = boto3.session.Session(aws_access_key_id=settings.s3_access_key, aws_secret_access_key=settings.s3_secret_key,
                                    region_name=settings.s3_region)
    return session.client("s3", endpoint_url=settings.s3_endpoint, config=config, verify=settings.s3_ca_file or True)


def _part_sizes(part_bytes: int, size_hint: int | None) -> Callable[[], int]:
    """The size of each next part: as configured, or so that a size that is known fits; where it is not known, parts
    double every so often, because a server takes 10,000 of them.
    """
    if size_hint is not None:
        needed = -(-size_hint // (_PARTS_MAX - 1))
        size = min(max(part_bytes, -(-needed // _MIB) * _MIB), _PART_MAX)
        return lambda: size
    count = 0

    def growing() -> int:
        nonlocal count
        count += 1
        return part_bytes << ((count - 1) // _DOUBLE_AFTER)

    return growing


def _chained(head: list[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    """`head`, then the rest; nobody else keeps what was passed on."""
    while head:
        yield head.pop(0)
    yield from rest
