"""Decodes traces of seedloop with Perfetto's own descriptors, and holds them to the lines of JSON.

    python check.py SEEDLOOP

Needs the packages of requirements.txt. Exits with 1 if anything is not as it should be.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from google.protobuf.unknown_fields import UnknownFieldSet
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackDescriptor, TrackEvent

ROOT = 1
HOSTS = 500_000_000
BEGIN, END, INSTANT = (
    TrackEvent.TYPE_SLICE_BEGIN,
    TrackEvent.TYPE_SLICE_END,
    TrackEvent.TYPE_INSTANT,
)


def run(program, *words):
    """A case that fails ends with 1."""
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def drawn(program, folder, name, *more):
    trace, lines = folder / f"{name}.perfetto", folder / f"{name}.jsonl"
    run(program, "trace", name, "--perfetto", str(trace), "--json", str(lines), *more)
    rows = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    return Trace.FromString(trace.read_bytes()), rows


def no_unknown(message):
    """A field with a number that the descriptors do not have is a mistake of ours."""
    assert len(UnknownFieldSet(message)) == 0, message
    for _, value in message.ListFields():
        for inner in value if hasattr(value, "__len__") else [value]:
            if hasattr(inner, "ListFields"):
                no_unknown(inner)


def check_tracks(trace, texts, lanes):
    """Every lane has a track of its name, and ranks say in which order they are drawn."""
    tracks = {p.track_descriptor.uuid: p.track_descriptor for p in trace.packet if p.HasField("track_descriptor")}
    root = tracks[ROOT]
    assert root.child_ordering == TrackDescriptor.EXPLICIT and root.parent_uuid == 0
    ranks = defaultdict(list)
    for ident, kind, name, host, *_ in lanes:
        track = tracks[1000 + ident]
        parent = tracks[track.parent_uuid]
        if kind == "host":
            assert (track.name, parent.name) == ("host", texts[name])
        else:
            assert track.name == texts[name], track
            assert parent.name == texts[host] or parent.uuid == ROOT
        ranks[track.parent_uuid].append(track.sibling_order_rank)
    for parent, of_parent in ranks.items():
        assert of_parent == sorted(of_parent), (parent, of_parent)
        assert tracks[parent].child_ordering == TrackDescriptor.EXPLICIT
    return tracks


def check_events(trace, tracks, rows):
    """Slices nest, steps are all there in their order, and flows have two ends."""
    events = [(p.timestamp, p.track_event) for p in trace.packet if p.HasField("track_event")]
    assert [time for time, _ in events] == sorted(time for time, _ in events)
    open_slices, begun, ended = defaultdict(list), Counter(), Counter()
    steps, printed, slices = [], [], 0
    begins = {}
    for time, event in events:
        assert event.track_uuid in tracks
        if event.type == BEGIN:
            open_slices[event.track_uuid].append((time, event.name))
            slices += 1
            for flow in event.flow_ids:
                begun[flow] += 1
                begins[flow] = time
            for flow in event.terminating_flow_ids:
                ended[flow] += 1
                assert begins[flow] < time, "a flow leads back in time"
            if "step" in event.categories:
                exact = {a.name: a.uint_value for a in event.debug_annotations}["virtual time (ns)"]
                assert exact <= time
                steps.append((time, event.track_uuid - 1000, exact))
        elif event.type == END:
            began, _ = open_slices[event.track_uuid].pop()
            assert began < time, "a slice that cannot be seen"
        else:
            assert event.type == INSTANT
            if "printed" in event.categories:
                printed.append(event.name)
    assert not any(open_slices.values()), open_slices
    assert begun == ended and set(begun.values()) <= {1}, "each flow has a beginning and an end"
    columns = [(row[3], row[2]) for row in rows if row[0] == "at"]
    assert [(lane, exact) for _, lane, exact in steps] == columns
    assert len({time for time, _, _ in steps}) == len(steps), "two steps stand at one place"
    texts = {row[1]: row[2] for row in rows if row[0] == "text"}
    assert printed == [texts[row[2]] for row in rows if row[0] == "say"]
    wakes = {}
    lane = None
    column = -1
    for row in rows:
        if row[0] == "at":
            column, lane = column + 1, row[3]
        elif row[0] in ("wake", "cancel", "strike") and row[5] > column and row[4] != lane:
            wakes[len(wakes)] = (column, row[5])
    assert len(begun) == len(wakes), (len(begun), len(wakes))
    return slices, len(begun)


def check(program, folder, name, *more):
    trace, rows = drawn(program, folder, name, *more)
    for packet in trace.packet:
        no_unknown(packet)
        assert packet.trusted_packet_sequence_id == 1
    texts = {0: "", **{row[1]: row[2] for row in rows if row[0] == "text"}}
    lanes = [row[1:] for row in rows if row[0] == "lane"]
    tracks = check_tracks(trace, texts, lanes)
    slices, flows = check_events(trace, tracks, rows)
    print(f"{name}: {len(tracks)} tracks, {slices} slices, {flows} flows")


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in ("executors", "job-queue", "gather-tasks"):
            check(program, folder, name)
        case = run(program, "explore", "philosophers-3").split(", ")[2].split()[0]
        check(program, folder, "philosophers-3", "--case", case)


if __name__ == "__main__":
    main()
