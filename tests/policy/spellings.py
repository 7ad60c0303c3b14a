"""The many ways to write one path, as a hypothesis strategy."""

from collections.abc import Sequence

from hypothesis import strategies as st

SLASHES = ["/", "//", "///", ";/", ";p/", ";p=1;q/", "%3Bp/", "/;p/"]
SEPARATORS = [*SLASHES, "%2F", "%2f", "/%2F", "\\", "%5C", "%5c"]
ENDS = ["", "", "/", "//", ";", ";p=1", "%3bp", ";p/", "%2F", "/;p", "%5C"]


@st.composite
def spelled(draw: st.DrawFn, segments: Sequence[str], separators: Sequence[str] = SEPARATORS) -> str:
    """A path of these segments: any of its characters encoded, any separators, any end."""
    parts = []
    for segment in segments:
        parts.append(draw(st.sampled_from(separators)))
        parts += [
            draw(st.sampled_from([char, char, encoded(char), encoded(char).lower()])) for char in segment
        ]
    text = "".join(parts) + draw(st.sampled_from(ENDS))
    return text if text.startswith("/") else "/" + text


def encoded(text: str) -> str:
    """Every byte percent-encoded."""
    return "".join(f"%{byte:02X}" for byte in text.encode())
