"""A notification as text: plain for e-mail, with Slack's markup for a webhook, and as a small HTML page.

It uses little of Slack's markup on purpose, so that Mattermost, Rocket.Chat, Google Chat and Discord's Slack-compatible
address can display the same text. A table is a block in a fixed-width font, which all of them have.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from meli_tasks.notifications.failures import Failure
from meli_tasks.notifications.message import Notification

EMOJI = {
    "promoted": "🏆",
    "kept": "✅",
    "nothing new": "💤",
    "failed": "❌",
    "late": "⏰",
    "waiting": "🙋",
    "changed": "📉",
    "damaged": "🩹",
}
COLOURS = {
    "promoted": "#1a7f37",
    "kept": "#57606a",
    "nothing new": "#57606a",
    "failed": "#cf222e",
    "late": "#bf8700",
    "waiting": "#bf8700",
    "changed": "#bf8700",
    "damaged": "#cf222e",
}
HEADS = ("model", "balanced accuracy", "95 % interval", "top 5", "")

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>{title}</title></head>
<body style="font:15px/1.5 system-ui,sans-serif;margin:0;padding:16px">
<div style="max-width:720px;border-left:4px solid {colour};padding:2px 16px">
<h2 style="margin:0 0 4px;font-size:19px">{sign} {title}</h2>
<p style="margin:0 0 12px;opacity:.7">{run}</p>
{parts}
</div></body></html>
"""


def subject(notification: Notification) -> str:
    """The subject line of an e-mail."""
    return " ".join(f"[meli] {notification.title}".split())


def plain(notification: Notification) -> str:
    """Plain text."""
    parts = [notification.title, "\n".join((_run(notification), *notification.lines)), _table(notification)]
    if notification.failures:
        parts.append("\n".join(["Failed:", *(f"- {f.sentence}" for f in notification.failures)]))
    if notification.rollback:
        parts.append(f"To undo the promotion: {notification.rollback}")
    parts.append("\n".join(f"{name}: {url}" for name, url in notification.links))
    return "\n\n".join(filter(None, parts)) + "\n"


def slack(notification: Notification) -> str:
    """Slack's mrkdwn."""
    head = f"{EMOJI[notification.verdict]} *{_escaped(notification.title)}*"
    parts = ["\n".join([head, *map(_escaped, (_run(notification), *notification.lines))])]
    if notification.models:
        parts.append(f"```\n{_escaped(_table(notification))}\n```")
    parts += [f"• {_slack_link(f)}: {_escaped(f.why)}" for f in notification.failures]
    if notification.rollback:
        parts.append(f"To undo the promotion: `{notification.rollback}`")
    parts.append(" · ".join(f"<{url}|{name}>" for name, url in notification.links))
    return "\n".join(filter(None, parts))


def html(notification: Notification) -> str:
    """An HTML page that mail programs display; it loads no other file."""
    parts = (
        [f'<p style="margin:0 0 12px">{"<br>".join(map(escape, notification.lines))}</p>'] if notification.lines else []
    )
    if notification.models:
        parts.append(_html_table(notification))
    if notification.failures:
        items = "".join(f"<li>{_html_link(f)}: {escape(f.why)}</li>" for f in notification.failures)
        parts.append(f'<p style="margin:0">Failed:</p><ul style="margin:0 0 12px;padding-left:20px">{items}</ul>')
    if notification.rollback:
        parts.append(
            f'<p style="margin:0 0 12px">To undo the promotion: <code>{escape(notification.rollback)}</code></p>'
        )
    links = (f'<a href="{escape(url)}">{escape(name)}</a>' for name, url in notification.links)
    parts.append(f'<p style="margin:0">{" · ".join(links)}</p>')
    return PAGE.format(
        title=escape(notification.title),
        colour=COLOURS[notification.verdict],
        sign=EMOJI[notification.verdict],
        run=escape(_run(notification)),
        parts="\n".join(parts),
    )


def _run(notification: Notification) -> str:
    return f"{notification.dag_run.dag_id}, run {notification.dag_run.run_id}"


def _rows(notification: Notification) -> list[tuple[str, ...]]:
    return [
        (
            model.name,
            f"{model.balanced_accuracy:.4f}",
            f"{model.interval[0]:.4f} to {model.interval[1]:.4f}",
            f"{model.top5:.4f}",
            model.note,
        )
        for model in notification.models
    ]


def _table(notification: Notification) -> str:
    """The leaderboard in a fixed-width font; an empty string without one."""
    if not notification.models:
        return ""
    rows = [HEADS, *_rows(notification)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *figures, note = row
    middle = [figure.rjust(width) for figure, width in zip(figures, widths[1:-1], strict=True)]
    return "  ".join([name.ljust(widths[0]), *middle, note]).rstrip()


def _html_table(notification: Notification) -> str:
    def cells(row: Sequence[str], tag: str) -> str:
        aligned = ["left", *["right"] * (len(row) - 2), "left"]
        return "".join(
            f'<{tag} style="text-align:{side};padding:3px 12px 3px 0;white-space:nowrap">{escape(text)}</{tag}>'
            for text, side in zip(row, aligned, strict=True)
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in _rows(notification))
    style = "border-collapse:collapse;margin:0 0 12px;font-variant-numeric:tabular-nums"
    return f'<table style="{style}"><tr>{cells(HEADS, "th")}</tr>{body}</table>'


def _escaped(text: str) -> str:
    """Text with the characters escaped that Slack would read as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _slack_link(failure: Failure) -> str:
    return f"<{failure.url}|{_escaped(failure.label)}>" if failure.url else _escaped(failure.label)


def _html_link(failure: Failure) -> str:
    label = escape(failure.label)
    return f'<a href="{escape(failure.url)}">{label}</a>' if failure.url else label
