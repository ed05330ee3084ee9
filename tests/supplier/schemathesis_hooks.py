"""What schemathesis has to know of media types that it does not know: their bodies are text, sent as it is."""

import schemathesis


@schemathesis.serializer("application/edi-x12")
def x12(ctx, value):
    return value.encode("utf-8", "replace") if isinstance(value, str) else str(value).encode("utf-8", "replace")
