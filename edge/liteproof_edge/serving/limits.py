"""How much a client may ask for; what is more is refused by name."""

MAX_BODY_BYTES = 16 << 20  # of a request: a phone's photo has 3 to 15 MB
MAX_HELD_BYTES = 64 << 20  # of all requests that are being read or wait
MAX_PIXELS = 25_000_000  # of a picture: 75 MB once it is decoded, which a board can bear
MAX_PICTURES = 16  # in a request
QUICK_BYTES = 64 << 10  # a picture of more may take a tenth of a second: another queue
INSTANT_PIXELS = 10_000  # a picture of at most so many is answered on the spot, in some ms at most,
INSTANT_MODEL_US = 1000  # by a model this fast: handing it to a thread and back takes longer
QUICK_WAITING = 64  # requests with small pictures, that one included which is being answered
SLOW_WAITING = 8  # those with large ones
MAX_WAIT_S = 10.0  # for its turn; one that waited longer is not answered any more
REQUEST_S = 15.0  # for a request to arrive whole
MAX_HEADER_BYTES = 16 << 10
MAX_CONNECTIONS = 2048  # the one that keeps us waiting the longest makes room for the next
RETRY_AFTER_S = 1  # what a client is told that comes when too many wait
GRACE_S = 10  # for what was accepted to be answered, once the server is told to stop
