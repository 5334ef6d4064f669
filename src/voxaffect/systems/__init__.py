"""Systems: nets and baselines with their settings. Their names stand here; no import is needed."""

VARIANTS = ("rates", "private", "extended", "uncertainty", "gradnorm")
"""Changes of `dnn-mtl` and `lstm-mtl` that the paper leaves open."""

NAMES = (
    *(
        f"{trunk}-{learns}"
        for learns in ("stl", "mtl", "gender", "naturalness")
        for trunk in ("dnn", "lstm")
    ),
    "blstm-stl",
    "blstm-mtl",
    *(f"{trunk}-mtl-{variant}" for variant in VARIANTS for trunk in ("dnn", "lstm")),
    "dnn-mean",
    "lstm-mean",
    "svm",
    "logistic",
    "egemaps-svm",
    "egemaps-logistic",
    "compare-svm",
    "compare-logistic",
    "majority",
)
