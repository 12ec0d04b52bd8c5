"""The spelling of the keys that each of the partitions has once; see `keys`."""

PARTITIONS = 64


def partition_tag(partition: int) -> str:
    return f"{{p{partition:02}}}"


TAGS = tuple(partition_tag(partition) for partition in range(PARTITIONS))
"""The hash tag of every partition."""


def deadlines(tag: str) -> str:
    return f"{tag}:deadlines"


def ended(tag: str) -> str:
    return f"{tag}:ended"


def chores(tag: str) -> str:
    return f"{tag}:chores"


def promote(tag: str) -> str:
    return f"{tag}:promote"


def data(tag: str) -> str:
    """The id of the data that the partition belongs to."""
    return f"{tag}:data"


def openings(tag: str) -> str:
    return f"{tag}:openings"


def gone(tag: str) -> str:
    return f"{tag}:gone"


def lease(index: str) -> str:
    """Held by the sweeper that empties this index."""
    return f"{index}:sweeping"


def journal(tag: str) -> str:
    return f"{tag}:journal"
