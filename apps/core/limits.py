"""The limits that more than one part keeps. Each refusal names its limit to the caller."""

# Text, in characters unless said.
MAX_NAME = 128
MAX_KEY = 512
MAX_TITLE = 200
MAX_REASON = 2_000
MAX_TEXT = 64_000
MAX_PATH_BYTES = 1_024
MAX_PATH_COMPONENT_BYTES = 255
MAX_PATH_DEPTH = 64

# JSON bodies.
MAX_JSON_BYTES = 10 * 1024 * 1024
MAX_JSON_DEPTH = 32

# Things in one request.
MAX_BATCH_POINTS = 100_000
MAX_BATCH_FILES = 10_000

# The query box.
MAX_FILTER_LENGTH = 2_000
MAX_FILTER_DEPTH = 32
MAX_FILTER_TERMS = 100
MAX_FILTER_LIST = 200

# One uploaded file. It is streamed to the disk, never held in memory.
MAX_FILE_BYTES = 50 * 1024**3

# Lists.
PAGE_SIZE = 50
MAX_PAGE_SIZE = 500
MAX_CURSOR_LENGTH = 4_096

# What every database that we use can store as an integer.
MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**63 - 1
# Beyond this a JavaScript client can no longer tell neighbouring integers apart.
MAX_SAFE_INTEGER = 2**53 - 1
