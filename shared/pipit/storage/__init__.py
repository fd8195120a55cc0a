"""Objects by key: a local folder (`pipit.storage.local`) or MinIO and any S3 (`pipit.storage.minio`).

`MinioStore` is not imported here, so that a device without the `minio` package can use the rest.
"""

from pipit.storage.base import ObjectStore, Stored, check_key
from pipit.storage.local import LocalStore

__all__ = ["LocalStore", "ObjectStore", "Stored", "check_key"]
