"""The bench's figures as a table of text and as a picture."""

# What is demanded: B1 to B3 at least so many times the best other; CPU at most so many signatures.
DEMANDS = {"B1": 10, "B2": 5, "B3": 6}
SIGNATURES = 1.8


def best_other(ratios):
    return min(ratios, key=ratios.get) if ratios else None


def amount(value, form="%.0f"):
    return "-" if value is None else form % value


def side_by_side(figures, words):
    signature = figures["limits"]["signature_busy"]
    rows = ["%-4s %-19s %10s %11s %9s %9s %10s %10s %9s %9s" % ("", "", "accepted/s", "delivered/s", "wait us", "CPU us", "signatures", "flushes", "KB disk", "MiB")]
    for kind, results in figures["kinds"].items():
        rows.append("%s: %s" % (kind, words[kind]))
        for name, result in results.items():
            rows.append(
                "%-4s %-19s %10.0f %11.0f %9.0f %9.0f %10.2f %10s %9.1f %9.0f"
                % ("", name, result["accepted"], result["delivered"], result["wait"], result["cpu"], result["cpu"] / signature, amount(result["flushes"], "%.2f"), result["disk"] / 1000, result["memory"] / 1024)
            )
    return rows


def demands(figures):
    rows, limits = [], figures["limits"]

    def row(kind, what, have, demand, good):
        rows.append("%-4s %-66s %10s %14s  %s" % (kind, what, have, demand, "" if good is None else "met" if good else "not met"))

    for kind, least in DEMANDS.items():
        ratios = figures["ratios"].get(kind)
        if ratios:
            best = best_other(ratios)
            row(kind, "delivered, times the best other (%s), by rounds" % best, "%.1f" % ratios[best], "at least %d" % least, ratios[best] >= least)
        results = figures["kinds"].get(kind, {})
        others = {name: result["cpu"] for name, result in results.items() if name != "Sealpost"}
        if others:
            least_other = min(others, key=others.get)
            row(kind, "CPU of a message, %s's as times ours" % least_other, "%.1f" % (others[least_other] / results["Sealpost"]["cpu"]), "", None)
    if "B1" in figures["kinds"]:
        mine = figures["kinds"]["B1"]["Sealpost"]
        have = mine["cpu"] / limits["signature_busy"]
        row("B1", "CPU of a message, all rooms, in signatures", "%.2f" % have, "at most %.1f" % SIGNATURES, have <= SIGNATURES)
        row("B8", "bytes written of a message of 10 KB, times its size", "%.2f" % (mine["files"] / 10240), "at most 1.5", mine["files"] <= 1.5 * 10240)
    if "B7" in figures["kinds"]:
        limit = limits["flush"] + limits["signature"] + 4 * limits["round_trip"]
        have = figures["kinds"]["B7"]["Sealpost"]["wait"] / limit
        row("B7", "dot to 250, times (flush + signature + 4 round trips = %.0f us)" % limit, "%.2f" % have, "at most 1.3", have <= 1.3)
    for kind, lines in figures["alone"].items():
        for line in lines:
            row(kind, line["what"], line["have"], line["demand"], line["good"])
    return rows


def as_text(figures, words):
    limits = figures["limits"]
    rows = ["This machine, us: " + ", ".join("%s %.0f" % (name.replace("_", " "), value) for name, value in limits.items())]
    rows.append("load and sink without a relay between them: %.0f messages/s" % figures["ceiling"])
    if figures["kinds"]:
        rows += ["", *side_by_side(figures, words), "", "CPU by room, in signatures a message"]
        for kind, results in figures["kinds"].items():
            rooms = sorted(results["Sealpost"]["rooms"].items(), key=lambda room: -room[1][0])
            rows.append("%-4s %s" % (kind, "  ".join("%s %.2f" % (name, room[0] / limits["signature_busy"]) for name, room in rooms)))
    return "\n".join(rows + ["", *demands(figures)])


COLOURS = {"Sealpost": "#1b6ca8", "Postfix + OpenDKIM": "#8a8d91", "Exim": "#b0b3b8", "OpenSMTPD": "#cfd2d6"}


def as_svg(figures):
    """Delivered a second, one bar each."""
    bars = [(kind, name, result["delivered"]) for kind, results in figures["kinds"].items() for name, result in results.items()]
    most = max([rate for _, _, rate in bars] or [1])
    out, y, last = [], 40, None
    for kind, name, rate in bars:
        if kind != last:
            y += 14
            out.append('<text x="10" y="%d" font-weight="bold">%s</text>' % (y + 14, kind))
            last = kind
        width = max(1, 440 * rate / most)
        out.append('<text x="50" y="%d">%s</text>' % (y + 14, name))
        out.append('<rect x="190" y="%d" width="%.0f" height="18" fill="%s"/>' % (y, width, COLOURS.get(name, "#999")))
        out.append('<text x="%.0f" y="%d">%.0f</text>' % (196 + width, y + 14, rate))
        y += 23
    head = '<svg xmlns="http://www.w3.org/2000/svg" width="720" height="%d" font-family="sans-serif" font-size="13">' % (y + 20)
    title = '<text x="10" y="24" font-size="15">Messages delivered a second, all on one machine (more is better)</text>'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', title, *out, "</svg>"]) + "\n"
