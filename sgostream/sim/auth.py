"""Pusher's signatures."""

from __future__ import annotations

import hashlib
import hmac
import json


def signature(secret: str, text: str) -> str:
    """Hex HMAC-SHA256 of a text under the app's secret."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def string_to_sign(socket_id: str, channel: str, channel_data: str | None) -> str:
    """Return the text that a channel's authorisation signs."""
    if channel_data is None:
        return f"{socket_id}:{channel}"
    return f"{socket_id}:{channel}:{channel_data}"


def authorise(
    key: str,
    secret: str,
    socket_id: str,
    channel: str,
    channel_data: str | None,
) -> str:
    """Return the ``auth`` of an authorisation: app key and signature."""
    text = string_to_sign(socket_id, channel, channel_data)
    return f"{key}:{signature(secret, text)}"


def is_authorised(
    key: str,
    secret: str,
    socket_id: str,
    channel: str,
    channel_data: str | None,
    auth: str,
) -> bool:
    """Whether ``auth`` is what `authorise` gives for the rest."""
    right = authorise(key, secret, socket_id, channel, channel_data)
    return hmac.compare_digest(right.encode(), auth.encode())


def user_of(api_key: str) -> str:
    """Return the ``user`` of a key: 64 hex digits that do not tell the key."""
    return hashlib.sha256(b"sgostream.sim user " + api_key.encode()).hexdigest()


def presence_data(user: str) -> str:
    """Return the ``channel_data`` that the vendor signs for a user."""
    return json.dumps({"user_id": user}, separators=(",", ":"))
