"""Tell a webhook, such as Discord's, of prices that moved far.

The address comes from WEBHOOK_URL.  Posts are made on a thread of their own, so
that a slow webhook never delays the prices; when it cannot keep up, the oldest
messages go, and it is told how many.

Usage: WEBHOOK_URL=https://... python webhook_alert.py [PERCENT]
PERCENT is the least move of the implied probability, default 3.
"""

import collections
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request

import sgostream

MAX_WAITING = 100
MAX_CHARACTERS = 1900  # Discord takes 2000


class Webhook:
    """Posts messages one after the other; never blocks who sends them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting = collections.deque[str]()
        self._dropped = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="webhook", daemon=True).start()

    def send(self, text: str) -> None:
        """Queue a message."""
        with self._changed:
            if len(self._waiting) >= MAX_WAITING:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append(text)
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                lines: list[str] = []
                if self._dropped:
                    lines.append(f"({self._dropped} messages were dropped)")
                    self._dropped = 0
                # As many as fit: webhooks count posts, not lines.
                while self._waiting and (
                    not lines
                    or sum(map(len, lines)) + len(self._waiting[0]) < MAX_CHARACTERS
                ):
                    lines.append(self._waiting.popleft())
            self._post("\n".join(lines)[:MAX_CHARACTERS])

    def _post(self, text: str) -> None:
        """Post, and again when told to wait; what fails otherwise is let go."""
        body = json.dumps({"content": text, "allowed_mentions": {"parse": []}})
        for _ in range(5):
            request = urllib.request.Request(
                self._url,
                body.encode(),
                # Discord refuses Python's own name.
                {"Content-Type": "application/json", "User-Agent": "sgostream-example"},
            )
            try:
                with urllib.request.urlopen(request, timeout=10):
                    return
            except urllib.error.HTTPError as error:
                with error:
                    if error.code != 429:
                        # The address is a secret: say what, not where.
                        print(f"webhook: HTTP {error.code}", file=sys.stderr)
                        return
                    wait = float(error.headers.get("Retry-After", "1"))
            except OSError as error:
                print(f"webhook: {type(error).__name__}", file=sys.stderr)
                wait = 2.0
            time.sleep(min(wait, 60.0))


def far_moves(update: sgostream.Update, least: float) -> list[str]:
    """One line for each quote whose probability moved by at least this much."""
    lines: list[str] = []
    for change in update.quotes:
        if change.old is None or change.new is None or not change.new.available:
            continue
        before = change.old.implied_probability
        after = change.new.implied_probability
        if before is not None and after is not None and abs(after - before) >= least:
            lines.append(
                f"**{update.event.title}** {change.odd_id} at {change.bookmaker_id}: "
                f"{change.old.text} -> {change.new.text} ({after - before:+.1%})"
            )
    return lines


def main(url: str, percent: float) -> None:
    """Follow the games in progress until Ctrl-C."""
    webhook = Webhook(url)
    with sgostream.stream("events:live") as live:
        with live.subscribe(initial=False, odd_ids=["*-game-*"]) as updates:
            live.wait_live()
            print("watching", flush=True)
            for update in updates:
                for line in far_moves(update, percent / 100):
                    print(line, flush=True)
                    webhook.send(line)


if __name__ == "__main__":
    try:
        main(os.environ["WEBHOOK_URL"], float(sys.argv[1]) if sys.argv[1:] else 3.0)
    except KeyError:
        sys.exit("set WEBHOOK_URL to the webhook's address")
    except KeyboardInterrupt:
        pass
