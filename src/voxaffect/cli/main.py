"""The command line: parse, call, print. Everything it says is made elsewhere."""

import sys
import warnings
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from voxaffect.cli.app import MOST_COLUMNS, PlainHelpGroup
from voxaffect.errors import VoxaffectError
from voxaffect.recognizer.packaged import WORD, located
from voxaffect.systems.names import NAMES

# No `from __future__ import annotations`: Typer would have to evaluate the text of every option.


INTERRUPTED = 130
"""Exit status that Typer makes of Ctrl-C, in silence."""

EXPERIMENT, RECOGNIZER, DATA = "Experiments", "A recognizer", "Recordings to learn from"
"""Headings of the commands in the help."""

app = typer.Typer(
    name="voxaffect",
    help="Speech emotion recognition that keeps working on voices, rooms and tasks it was not "
    "trained on. Begin with voxaffect predict and a recording, or with voxaffect demo.",
    cls=PlainHelpGroup,
    context_settings={"max_content_width": MOST_COLUMNS},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
corpora_app = typer.Typer(
    help="The corpora that can be read, and whether a copy on disk is whole.", cls=PlainHelpGroup
)
app.add_typer(corpora_app, name="corpora", no_args_is_help=True, rich_help_panel=DATA)

Config = Annotated[Path, typer.Argument(help="Settings file (TOML), such as configs/open.toml.")]
Jobs = Annotated[
    int, typer.Option("--jobs", "-j", min=0, help="Processes at once; 0 is one a core.")
]


class Backend(StrEnum):
    """Where work runs; the names that `voxaffect.parallel.clusters` knows."""

    loky = "loky"
    ray = "ray"
    dask = "dask"


On = Annotated[
    Backend, typer.Option("--backend", help="Processes here (loky), or a Ray or Dask cluster.")
]
Address = Annotated[
    str | None, typer.Option("--address", help="Of the cluster: host:port of its head.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")]
MaxHours = Annotated[
    float, typer.Option("--max-hours", help="Longest recording or segment that is read, in hours.")
]
TRAINED = "Folder that train wrote; `packaged` is the recognizer that comes with voxaffect."
Trained = Annotated[Path, typer.Option("--model", "-m", help=TRAINED, callback=located)]
PACKAGED = Path(WORD)
Tensorboard = Annotated[
    bool,
    typer.Option(
        "--tensorboard", help="Also write TensorBoard events below --out (extra tensorboard)."
    ),
]
SOURCE = "Folder of the copy on disk, a table, or an audformat database."
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for results and the report.")]


@app.command(rich_help_panel=EXPERIMENT)
def demo(
    out: Out = Path("demo"),
    jobs: Jobs = 0,
    seed: Annotated[int, typer.Option(help="Seed of the speech and of all training.")] = 1,
    scale: Annotated[float, typer.Option(help="Size of the simulated corpora.")] = 1.0,
) -> None:
    """Run the paper's whole experiment on simulated corpora and write its report.

    Speech is synthesized in the folder trees and file formats of the paper's five corpora; every
    system is trained and tested within corpora, across corpora and on all of them together. A few
    minutes, no downloads.
    """
    from voxaffect.cli import experiment

    raise typer.Exit(experiment.demo(out, n_jobs=jobs, seed=seed, scale=scale))


@app.command(rich_help_panel=DATA)
def simulate(
    folder: Annotated[Path, typer.Argument(help="Folder to write the corpora's trees into.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    scale: Annotated[float, typer.Option(help="Number of utterances, relative to the demo.")] = 1.0,
    corpora: Annotated[
        str | None, typer.Option(help="Corpora to write, separated by commas; all if left out.")
    ] = None,
    jobs: Jobs = 0,
) -> None:
    """Write simulated emotional speech in the trees of real corpora, for tests and trials."""
    from voxaffect.cli import experiment

    names = corpora.split(",") if corpora else None
    experiment.simulate(folder, seed=seed, scale=scale, n_jobs=jobs, corpora=names)


@app.command(rich_help_panel=EXPERIMENT)
def extract(
    config: Config, jobs: Jobs = 0, backend: On = Backend.loky, address: Address = None
) -> None:
    """Compute the frame features of every corpus of a settings file, once."""
    from voxaffect.cli import experiment

    experiment.extract(config, n_jobs=jobs, backend=backend, address=address)


@app.command(rich_help_panel=EXPERIMENT)
def evaluate(
    config: Config,
    out: Out = Path("runs/evaluation"),
    protocol: Annotated[
        list[str] | None, typer.Option(help="within, cross or aggregated; may be repeated.")
    ] = None,
    systems: Annotated[
        str | None,
        typer.Option(help=f"Systems to compare, separated by commas: {', '.join(NAMES)}."),
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds, separated by commas.")] = None,
    jobs: Jobs = 0,
    backend: On = Backend.loky,
    address: Address = None,
) -> None:
    """Train and test systems on corpora; resumes where an earlier run of the same folder stopped.

    Writes every result as it ends, then report.html and report.md. Settings given here replace
    those of the file. The exit status is 1 where a fold could not be computed.
    """
    from voxaffect.cli import experiment

    raise typer.Exit(
        experiment.evaluate(
            config,
            out,
            protocols=protocol,
            systems=systems,
            seeds=seeds,
            n_jobs=jobs,
            backend=backend,
            address=address,
        )
    )


@app.command(rich_help_panel=EXPERIMENT)
def robustness(
    config: Config,
    out: Out = Path("runs/evaluation"),
    protocol: Annotated[
        str, typer.Option(help="Who trains on whom: within, cross or aggregated.")
    ] = "cross",
    systems: Annotated[
        str | None, typer.Option(help="Systems to compare, separated by commas.")
    ] = None,
    conditions: Annotated[
        str | None,
        typer.Option(help="Conditions or groups of them, separated by commas; all if left out."),
    ] = None,
    jobs: Jobs = 0,
) -> None:
    """Train systems on clean speech and test them in noise, rooms, on lines, through codecs, cut.

    Writes robustness.json, .csv and .md; the report of a run in the same folder gets a section.
    Resumes where an earlier run of the same folder stopped. Groups: noise, room, telephone, codec,
    clipping, truncation, gain. The exit status is 1 where a fold could not be computed.
    """
    from voxaffect.cli import robustness as wild

    raise typer.Exit(
        wild.robustness(
            config, out, protocol=protocol, systems=systems, conditions=conditions, n_jobs=jobs
        )
    )


@app.command(rich_help_panel=EXPERIMENT)
def report(
    run: Annotated[Path, typer.Argument(help="The --out folder of evaluate or demo.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where to write it.")] = None,
    tensorboard: Tensorboard = False,
) -> None:
    """Write the report of a run again: one page, Markdown, LaTeX, JSON, CSV and figures."""
    from voxaffect.cli import experiment

    experiment.report(run, out or run, tensorboard=tensorboard)


@app.command(rich_help_panel=EXPERIMENT)
def compare(
    run_a: Annotated[Path, typer.Argument(help="The --out folder of evaluate or demo.")],
    run_b: Annotated[Path, typer.Argument(help="Another; gains are this run's.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to write comparison.md and .json.")
    ] = None,
    systems: Annotated[
        str | None,
        typer.Option(help="Pairs a:b of systems, separated by commas; all of both if left out."),
    ] = None,
) -> None:
    """Compare two runs on the folds and test utterances that both have.

    Says which those are and what differs in settings, corpora, seeds and versions; then each
    system's gain, its 95 % interval over speakers, and whether chance could have done it.
    """
    from voxaffect.cli import experiment

    experiment.compare(run_a, run_b, out=out, systems=systems)


@app.command(rich_help_panel=RECOGNIZER)
def train(
    config: Config,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the trained recognizer.")],
    system: Annotated[
        str | None, typer.Option(help="Which system to train; lstm-mtl if left out.")
    ] = None,
    base: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="A trained recognizer that is to be adapted to the corpora, such as `packaged`.",
            callback=lambda base: base and located(base),
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and dropout.")] = 0,
    tensorboard: Tensorboard = False,
    half: Annotated[
        bool, typer.Option("--half", help="Save weights in half precision, in half the space.")
    ] = False,
    jobs: Jobs = 0,
    backend: On = Backend.loky,
    address: Address = None,
) -> None:
    """Train a recognizer on all corpora of a settings file and save it.

    A tenth of the data stops the training and calibrates it. The folder's training.csv gets a line
    as each epoch ends: loss, dev UA, frames a second. A cluster (--backend) extracts the features;
    the net is trained here, or by every process that torchrun starts.

    With --from a recognizer goes on learning from a few hundred recordings of your own. What that
    changes is shown for speakers who were held out, before and after.
    """
    if base is not None:
        flags = {"--tensorboard": tensorboard or None, "--half": half or None}
        refused = {"--system": system, "--address": address, **flags}
        for option, value in refused.items():
            if value is not None:
                raise typer.BadParameter(f"{option} has no place beside --from; leave it out")
        from voxaffect.cli import train as adaptation

        adaptation.adapt_to(config, base, out, seed=seed, n_jobs=jobs)
        return
    from voxaffect.cli import train as training

    training.train(
        config,
        out,
        system_name=system or "lstm-mtl",
        seed=seed,
        n_jobs=jobs,
        tensorboard=tensorboard,
        half=half,
        backend=backend,
        address=address,
    )


@app.command(rich_help_panel=RECOGNIZER)
def inspect(
    model: Annotated[Path, typer.Argument(help=TRAINED, callback=located)] = PACKAGED,
    as_json: AsJson = False,
) -> None:
    """Show what a recognizer is: system, corpora, seed, dev UA, settings, versions.

    With --json also every epoch, and which label of its corpora is which class.
    """
    from voxaffect.cli import model as saved

    saved.inspect(model, as_json=as_json)


@app.command(rich_help_panel=RECOGNIZER)
def predict(
    recordings: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Recordings (sound or film), folders, patterns such as 'calls/*.wav', tables of "
            "utterances, audformat databases; - is a recording on standard input.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        Path,
        typer.Option(
            "--model",
            "-m",
            help="Folder that train wrote, or file that export did; `packaged` is the recognizer "
            "that comes with voxaffect.",
            callback=located,
        ),
    ] = PACKAGED,
    output: Annotated[
        str,
        typer.Option("--format", "-f", help="table, json (a line each), csv, audacity or vtt."),
    ] = "table",
    timeline: Annotated[
        bool,
        typer.Option("--timeline", help="Cut recordings at pauses and answer for each utterance."),
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", help="With --timeline: draw it into this .svg or .png file."),
    ] = None,
    abstain: Annotated[
        float | None,
        typer.Option("--abstain", metavar="P", help="Say unsure below this probability."),
    ] = None,
    from_list: Annotated[
        Path | None,
        typer.Option("--from-list", help="File with one source a line; - is standard input."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for audacity or vtt files, one a recording."),
    ] = None,
    frames: Annotated[
        bool, typer.Option("--frames", help="Also the posterior of every frame (json only).")
    ] = False,
    max_hours: MaxHours = 4.0,
) -> None:
    """Say which emotion recordings express, and how sure that is.

    A folder stands for all recordings below it. A table (CSV or Parquet, as corpora export writes
    it) stands for its rows, which may be segments of longer recordings: columns path, start_s,
    end_s; so does an audformat database.

      voxaffect predict clip.wav
      voxaffect predict talk.mp4 --timeline --picture talk.svg
      voxaffect predict calls/ -m models/mine -f csv --abstain 0.6 > calls.csv
      curl -s https://example.org/a.ogg | voxaffect predict -

    Warnings say what makes an answer doubtful: short, clipped, noisy, music, narrow-band, or
    unfamiliar, which is far from all that was trained on. What cannot be used is named on standard
    error; the rest is answered all the same, and the exit status is 1.
    """
    from voxaffect.audio.decode import DecodeLimits
    from voxaffect.cli import predict as recognition
    from voxaffect.cli.predict import Request

    request = Request(
        output=output,
        timeline=timeline,
        frames=frames,
        abstain=abstain,
        picture=picture,
        out=out,
        limits=DecodeLimits(max_duration_s=max_hours * 3600),
    )
    raise typer.Exit(recognition.predict(recordings or [], model, request, listed_in=from_list))


@app.command(rich_help_panel=RECOGNIZER)
def listen(
    model: Trained = PACKAGED,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Raw PCM on standard input, not a microphone.")
    ] = False,
    rate: Annotated[int, typer.Option(help="Sample rate of the PCM in Hz.")] = 16_000,
    encoding: Annotated[
        str, typer.Option("--format", help="A sample of the PCM: s16le or f32le.")
    ] = "s16le",
    channels: Annotated[
        int, typer.Option(help="Interleaved channels of the PCM; they are averaged.")
    ] = 1,
    device: Annotated[
        str | None, typer.Option(help="Microphone, by number or a part of its name.")
    ] = None,
    pause: Annotated[
        float, typer.Option(help="Pause in seconds that ends an utterance; 0 takes all as one.")
    ] = 0.6,
    longest: Annotated[
        float, typer.Option(help="Longest utterance in seconds; one that goes on is cut.")
    ] = 30.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON lines: final is false meanwhile, true at the end.")
    ] = False,
) -> None:
    """Say which emotion is heard while somebody speaks, five times a second.

    From a microphone, with the extra mic (pip install 'voxaffect[mic]'):

        voxaffect listen

    From any program that writes raw PCM, such as arecord or ffmpeg:

        arecord -q -t raw -f S16_LE -r 16000 | voxaffect listen --stdin

        ffmpeg -i call.mp4 -f s16le -ar 16000 -ac 1 - | voxaffect listen --stdin

    A pause ends an utterance; its final answer is that of voxaffect predict for its samples. Ctrl-C
    ends the utterance, prints its answer and stops. Sound that was lost, and a computer that is too
    slow, are told on standard error; the exit status is 1 where sound was lost.
    """
    from voxaffect.audio.pcm import PcmFormat
    from voxaffect.cli import listen as listening
    from voxaffect.cli import listen as sound_source

    source = (
        sound_source.standard_input(PcmFormat(rate, encoding, channels))
        if stdin
        else sound_source.recording(int(device) if device and device.isdigit() else device)
    )
    raise typer.Exit(
        listening.listen(model, source, pause_s=pause, longest_s=longest, as_json=as_json)
    )


@app.command(rich_help_panel=RECOGNIZER)
def export(
    model: Annotated[Path, typer.Argument(help=TRAINED, callback=located)],
    out: Annotated[Path, typer.Argument(help="An .onnx file; a .json is written beside it.")],
) -> None:
    """Write a recognizer as one ONNX file, from samples to probabilities, with a JSON beside it.

    predict --model OUT.onnx runs it without PyTorch, and so does any program with onnxruntime.
    """
    from voxaffect.cli import model as saved

    saved.export(model, out)


@app.command(rich_help_panel=RECOGNIZER)
def serve(
    model: Trained = PACKAGED,
    host: Annotated[
        str, typer.Option(help="Address to listen at; this machine only unless you say otherwise.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 is any that is free.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file", help="File with the token clients must show; or VOXAFFECT_TOKEN."
        ),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option("--allow-origin", help="Web page elsewhere that may ask; may be repeated."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", help="Name it is called by, too; may be repeated."),
    ] = None,
    behind_proxy: Annotated[
        bool,
        typer.Option("--behind-proxy", help="A proxy on this machine tells who the client is."),
    ] = False,
    max_megabytes: Annotated[float, typer.Option(help="Largest request.")] = 64.0,
    max_minutes: Annotated[float, typer.Option(help="Longest recording, and live stream.")] = 60.0,
    max_requests: Annotated[int, typer.Option(help="Requests at a time.")] = 64,
    max_streams: Annotated[int, typer.Option(help="Live streams at a time.")] = 256,
    rate: Annotated[float, typer.Option(help="Requests a second of one client.")] = 20.0,
    processes: Annotated[
        int, typer.Option(min=1, help="Processes at one address, one a core for live streams.")
    ] = 1,
    workers: Annotated[
        int, typer.Option(min=0, help="Threads of each that compute; 0: one a core in all.")
    ] = 0,
) -> None:
    """Serve a recognizer over HTTP and WebSocket, with a page to try it in the browser.

    Needs the extra serve: pip install 'voxaffect[serve]'

        voxaffect serve

        curl -s --data-binary @clip.wav http://localhost:8000/v1/predict

    Then open http://localhost:8000 to drop a file or to speak. Nothing that is sent is kept. Ctrl-C
    or SIGTERM stops it: what it has taken is answered, what comes then is refused.

    Others can reach it only with --host, and then it should have a token and a proxy that encrypts;
    docs/serving.md tells how, and all limits.
    """
    from voxaffect.cli import serve as serving

    serving.serve(
        model,
        host=host,
        port=port,
        token_file=token_file,
        origins=allow_origin or [],
        hosts=allow_host or [],
        behind_proxy=behind_proxy,
        n_processes=processes,
        n_workers=workers,
        limits={
            "max_bytes": round(max_megabytes * 1024**2),
            "recording_s": max_minutes * 60,
            "live_s": max_minutes * 60,
            "requests": max_requests,
            "live_streams": max_streams,
            "rate_per_s": rate,
        },
    )


@corpora_app.command("list")
def corpora_list() -> None:
    """List the corpora that can be read, with language, style and license."""
    from voxaffect.cli import corpora

    corpora.show_all()


@corpora_app.command("show")
def corpora_show(name: Annotated[str, typer.Argument(help="Name in the list.")]) -> None:
    """Show what is known of one corpus: labels, counts, citation, known faults."""
    from voxaffect.cli import corpora

    corpora.show_card(name)


@corpora_app.command("check")
def corpora_check(
    name: Annotated[str, typer.Argument(help="Name in the list; any name for your own.")],
    root: Annotated[Path, typer.Argument(help=SOURCE)],
    as_json: AsJson = False,
    headers: Annotated[
        bool,
        typer.Option("--headers", help="Read headers only: fast, but hears no silence or clipping"),
    ] = False,
    jobs: Jobs = 0,
    max_hours: MaxHours = 4.0,
) -> None:
    """Check a copy on disk against the corpus's card; the exit status is 1 where it has faults.

    Counts by class, speaker, gender and style stand beside those of the card. Recordings that are
    missing, left over, unreadable, too short, silent, clipped or there twice are named.
    """
    from voxaffect.audio.decode import DecodeLimits
    from voxaffect.cli import corpora

    limits = DecodeLimits(max_duration_s=max_hours * 3600)
    raise typer.Exit(
        corpora.check(name, root, as_json=as_json, n_jobs=jobs, headers_only=headers, limits=limits)
    )


@corpora_app.command("overlap")
def corpora_overlap(config: Config, as_json: AsJson = False, jobs: Jobs = 0) -> None:
    """Show what the corpora of a settings file bring, lack and share, before anything is trained.

    Classes, genders, styles and languages of each corpus; what is left out and why; what leaving
    one corpus out would train and test on; which corpora share speakers, sentences or recordings.
    """
    from voxaffect.cli import corpora as overlap

    overlap.overlap(config, as_json=as_json, n_jobs=jobs)


@corpora_app.command("export")
def corpora_export(
    name: Annotated[str, typer.Argument(help="Name in the list; any name for your own.")],
    root: Annotated[Path, typer.Argument(help=SOURCE)],
    out: Annotated[Path, typer.Argument(help="A .csv or .parquet file, or a new folder.")],
) -> None:
    """Write a corpus's utterances as a table, or as an audformat database; audio stays in place."""
    from voxaffect.cli import corpora as exchange

    exchange.export(name, root, out)


def main() -> None:
    """Run the command line; an error that voxaffect raises on purpose is one sentence, status 2."""
    # A worker whose memory has grown is renewed and its jobs go on: nothing for a user to act on.
    warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
    try:
        app()
    except VoxaffectError as fault:
        _refuse(str(fault))
    except OSError as fault:  # of the file system: a full disk, a path that cannot be
        where = f"{fault.filename}: " if fault.filename else ""
        why = fault.strerror or str(fault)
        _refuse(f"{where}{why}; check the path, its permissions and the space left")
    except ModuleNotFoundError as fault:  # as where only exported recognizers are to run
        if not fault.name or fault.name.startswith("voxaffect"):
            raise
        _refuse(f"this needs the library {fault.name}; run pip install voxaffect")
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            typer.secho("voxaffect: stopped; finished results are kept", err=True)
        raise


def _refuse(why: str) -> NoReturn:
    """Say in a sentence why it cannot be done, and end."""
    typer.secho(f"voxaffect: {why}", err=True, fg=typer.colors.RED)
    sys.exit(2)
