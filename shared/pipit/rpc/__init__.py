"""gRPC plumbing that clients and servers of Pipit share."""
