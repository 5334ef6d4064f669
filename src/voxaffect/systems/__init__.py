"""Systems: nets and baselines with their settings. Their names stand here; no import is needed."""

VARIANTS = ("rates", "private", "extended", "uncertainty", "gradnorm")
"""Changes of `dnn-mtl` and `lstm-mtl` that the paper leaves open."""

TRUNKS = ("dnn", "lstm")

NAMES = (
    *(f"{net}-{what}" for what in ("stl", "mtl", "gender", "naturalness") for net in TRUNKS),
    "blstm-stl",
    "blstm-mtl",
    *(f"{net}-mtl-{variant}" for variant in VARIANTS for net in TRUNKS),
    "dnn-mean",
    "lstm-mean",
    "svm",
    "logistic",
    "mean-logistic",
    "egemaps-svm",
    "egemaps-logistic",
    "compare-svm",
    "compare-logistic",
    "majority",
)
