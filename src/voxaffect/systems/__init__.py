"""Systems: nets and baselines with their settings. Their names stand here; no import is needed."""

NAMES = (
    # the paper's
    "dnn-stl",
    "lstm-stl",
    "dnn-mtl",
    "lstm-mtl",
    "dnn-gender",
    "lstm-gender",
    "dnn-naturalness",
    "lstm-naturalness",
    # what the paper leaves open
    "blstm-stl",
    "blstm-mtl",
    "dnn-mtl-rates",
    "lstm-mtl-rates",
    "dnn-mtl-private",
    "lstm-mtl-private",
    "dnn-mtl-extended",
    "lstm-mtl-extended",
    "dnn-mtl-uncertainty",
    "lstm-mtl-uncertainty",
    "dnn-mtl-gradnorm",
    "lstm-mtl-gradnorm",
    # baselines
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
