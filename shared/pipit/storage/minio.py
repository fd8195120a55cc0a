"""MinIO, or any S3 that honours conditional writes, as an object store.

minio-py has no conditional write: a header given as metadata becomes a user metadata field and the object is
overwritten in silence. So a write goes to a URL that minio-py signs, with the condition as a plain header:
`If-None-Match: *` to create, `If-Match: <etag>` to replace (without quotes, which MinIO, Ceph and AWS all take).
The bucket must not keep versions. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import BinaryIO

import certifi
import urllib3
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError

from pipit.errors import AlreadyExists, Conflict, InvalidInput, NotFound, Unavailable
from pipit.logging import get_logger
from pipit.storage.base import PIECE_BYTES, Stored, check_key

_URL_LIFETIME = timedelta(minutes=15)
_LARGEST_PUT = 5 * 1024**3
_CONFLICT_ATTEMPTS = 5
_LOOK_SECONDS = 5.0
"""What a look at whether the store answers may take: connecting, or one answer."""
_MISSING = {"NoSuchKey", "NoSuchObject"}
_FULL = {"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "InsufficientStorage"}
_REFUSED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
_log = get_logger("storage.minio")


class MinioStore:
    """See the module. Threads may share one; a process forked from this one must make its own.

    endpoint: `host:port`. timeout: seconds to wait for a connection, and for each read or write on it. A server that
    takes calls and says nothing fails a read after twice, a write after once that time.
    region: what the server calls its region; MinIO's default is us-east-1.
    """

    def __init__(
        self,
        endpoint: str,
        bucket: str,
        access_key: str,
        secret_key: str,
        secure: bool = True,
        region: str = "us-east-1",
        timeout: float = 10.0,
    ) -> None:
        self._bucket = bucket
        # Reads may be repeated. A conditional write may not: the first answer lost, the second would tell the
        # winner that it lost. Only what never left this machine (connect) is tried again there.
        retries = urllib3.Retry(
            total=2, read=1, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504), raise_on_status=False
        )
        self._write_retries = urllib3.Retry(total=2, connect=2, read=0, status=0, other=0, backoff_factor=0.2)
        self._http = _pool(timeout, retries)
        looking = _pool(_LOOK_SECONDS, urllib3.Retry(total=0, raise_on_status=False))
        try:
            self._client, self._looks = (
                Minio(
                    endpoint,
                    access_key=access_key,
                    secret_key=secret_key,
                    secure=secure,
                    region=region,
                    http_client=pool,
                )
                for pool in (self._http, looking)
            )
        except ValueError as error:
            raise InvalidInput(f"{endpoint!r} is not an S3 endpoint; give host:port: {error}") from error

    def check(self) -> None:
        """See ObjectStore."""
        with self._s3_errors():
            if self._looks.bucket_exists(self._bucket):
                return
            try:
                self._looks.make_bucket(self._bucket)
            except S3Error as error:
                if error.code not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                    raise

    def read(self, key: str) -> Stored:
        """See ObjectStore."""
        with self._s3_errors(key):
            response = self._client.get_object(self._bucket, check_key(key))
            try:
                return Stored(response.data, _etag(response))
            finally:
                response.close()
                response.release_conn()

    def size(self, key: str) -> int:
        """See ObjectStore."""
        with self._s3_errors(key):
            return int(self._client.stat_object(self._bucket, check_key(key)).size or 0)

    def open(self, key: str, offset: int = 0) -> Iterator[bytes]:
        """See ObjectStore."""
        return self._pieces(key, offset, self.size(key))

    def _pieces(self, key: str, offset: int, size: int) -> Iterator[bytes]:
        if offset >= size:
            return
        with self._s3_errors(key):
            response = self._client.get_object(self._bucket, key, offset=offset)
            try:
                yield from response.stream(PIECE_BYTES)
            finally:
                response.close()
                response.release_conn()

    def create(self, key: str, data: bytes | BinaryIO) -> str:
        """See ObjectStore."""
        response = self._put(key, data, {"If-None-Match": "*"})
        if response.status == 412:
            raise AlreadyExists(f"object {key} exists already")
        return self._written(key, response)

    def replace(self, key: str, data: bytes, etag: str) -> str:
        """See ObjectStore."""
        response = self._put(key, data, {"If-Match": etag})
        if response.status == 412:
            self.size(key)  # raises NotFound: some servers tell a missing object from a changed one only here
            raise Conflict(f"object {key} was changed by somebody else; read it again")
        return self._written(key, response)

    def list(self, prefix: str) -> Iterator[str]:
        """See ObjectStore."""
        return (key for key, _ in self.tags(prefix))

    def tags(self, prefix: str) -> Iterator[tuple[str, str]]:
        """See ObjectStore."""
        if "/" in prefix:
            check_key(prefix.rpartition("/")[0])
        with self._s3_errors():
            for entry in self._client.list_objects(self._bucket, prefix=prefix, recursive=True):
                if entry.object_name is not None:
                    yield entry.object_name, (entry.etag or "").strip('"')

    def delete(self, key: str) -> None:
        """See ObjectStore."""
        with self._s3_errors(key):
            self._client.remove_object(self._bucket, check_key(key))

    def _put(self, key: str, data: bytes | BinaryIO, condition: dict[str, str]) -> urllib3.BaseHTTPResponse:
        """One conditional PUT, come again for as long as another write of the same object cancels it."""
        check_key(key)
        body = io.BytesIO(data) if isinstance(data, bytes) else data
        start = body.tell()
        size = body.seek(0, io.SEEK_END) - start
        if size > _LARGEST_PUT:
            raise InvalidInput(f"object {key} has {size} bytes; S3 takes at most {_LARGEST_PUT} in one write")
        for _ in range(_CONFLICT_ATTEMPTS):
            body.seek(start)
            with self._s3_errors(key):
                url = self._client.presigned_put_object(self._bucket, key, expires=_URL_LIFETIME)
                response = self._http.request(
                    "PUT",
                    url,
                    body=body if size else b"",
                    headers={**condition, "Content-Length": str(size), "Content-Type": "application/octet-stream"},
                    retries=self._write_retries,
                )
            if not _cancelled(response):
                return response
        raise Unavailable(f"object {key} is being written by many at once; try again")

    def _written(self, key: str, response: urllib3.BaseHTTPResponse) -> str:
        if response.status == 200:
            return _etag(response)
        with self._s3_errors(key):
            if "xml" not in response.headers.get("Content-Type", "") or not response.data:
                raise ServerError(f"server failed with HTTP status code {response.status}", response.status)
            raise S3Error.fromxml(response)

    @contextmanager
    def _s3_errors(self, key: str = "") -> Iterator[None]:
        """Turns minio-py's and urllib3's errors into Pipit's."""
        try:
            yield
        except S3Error as error:
            if error.code in _MISSING:
                raise NotFound(f"no object {key}") from error
            _log.error("store_failed", code=error.code, message=error.message, bucket=self._bucket)
            raise Unavailable(_explain(error.code or "", self._bucket)) from error
        except ServerError as error:
            _log.error("store_failed", status=error.status_code, bucket=self._bucket)
            raise Unavailable(
                _explain("InsufficientStorage" if error.status_code == 507 else "", self._bucket)
            ) from error
        except (HTTPError, InvalidResponseError, MinioException, OSError) as error:
            _log.error("store_unreachable", error=str(error), bucket=self._bucket)
            raise Unavailable("the object store can't be reached; is it running? Try again later") from error


def _pool(timeout: float, retries: urllib3.Retry) -> urllib3.PoolManager:
    return urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=timeout, read=timeout),
        maxsize=32,
        cert_reqs="CERT_REQUIRED",
        ca_certs=certifi.where(),
        retries=retries,
    )


def _etag(response: urllib3.BaseHTTPResponse) -> str:
    return response.headers["ETag"].strip('"')


def _cancelled(response: urllib3.BaseHTTPResponse) -> bool:
    """Nothing was written because another write of this object was in flight.

    AWS says 409; Ceph's gateway says 500 UnknownError, its log ECANCELED.
    """
    return response.status == 409 or (response.status == 500 and b"<Code>UnknownError<" in response.data)


def _explain(code: str, bucket: str) -> str:
    if code in _FULL:
        return "the object store has no space left; free some, or raise its quota"
    if code in _REFUSED:
        return "the object store refuses the credentials that are set, or they lack a right on the bucket"
    if code == "NoSuchBucket":
        return f"the object store has no bucket {bucket!r}; make it, or restart what uses it"
    return f"the object store answers with an error ({code or 'no code'}); its log says more. Try again later"
