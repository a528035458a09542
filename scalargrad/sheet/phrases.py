"""Phrases of assignments, as data: what they look like, and the statements of the language that they mean.

In a pattern, `#` is a piece of mathematics of the text, `N` a number, in digits or as a word, and `ACT` an activation. A
meaning is a note or a function of meanings.py; "" where the phrase changes no number.
"""

from __future__ import annotations

NUMBERS = {
    word: n
    for n, words in enumerate(
        [
            "zero",
            "one once",
            "two twice",
            "three thrice",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ]
    )
    for word in words.split()
}

_UNITS = (
    "inputs?|outputs?|neurons?|units?|layers?|features?|weights?|parameters?|components?|samples?|examples?|points?|data points|classes|queries|keys|values|positions?|"
    "states|scores|functions|variables|nodes|gates|rows?|columns?|places|numbers|words|entries|heads|tables?|sigmoids|errors|predictions|logits|hidden|quantities|steps of the network|"
    "formulas?|probabilities|cases|derivatives|partials?|matrices|biases|channels?|dimensions?|paths?|digits|parts|questions|time steps|tokens|observations|terms|constants|vectors|targets"
)
_ADJECTIVES = r"(?:(?:hidden|output|input|different|separate|first|second|partial|data|training|further|scalar|real|linear|sigmoid|relu|encoder|decoder|small|new|old|single|other|given|following|same) )*"

# Patterns are tried in this order, each wherever it stands.
PHRASES: list[tuple[str, str]] = [
    (
        r"# (?:for the same (?:example|sample|input) )?with the (?:new|updated) (?:weights|parameters)|# after the (?:step|update)",
        "after",
    ),
    # Rates, steps, and what is updated.
    (r"(?:learning[ -]rate|step[ -]size|rate) (?:of |is |= ?|: ?)?(?:the )?#(?= |$|[,.;)])", "rate"),
    (r"with (?:the )?(?:same )?(?:learning[ -]rate|rate|step size|#)(?: from the same start)", ""),
    (r"for comparison[^.]*?(?:ordinary |plain )?gradient descent \(?no momentum\)?", "count comparison"),
    (
        r"(?:(?:N |a )?steps? of )?(adamw|adam|rmsprop|adagrad|nesterov)(?: momentum)?(?: with the usual constants| optimi[sz]er| update)?",
        "optimiser",
    ),
    (
        r"N (?:more |further )?(?:time )?(?:steps?|updates?|iterations?)(?: of (?:ordinary |plain )?(?:gradient descent|descent|sgd))?(?! of (?:adam|rms|ada|nest|mom))",
        "count steps",
    ),
    (
        r"(?:after|make|perform|do|take) (?:one|a single|a) (?:update|step|iteration)(?: of (?:gradient descent|descent))?",
        "count steps",
    ),
    (
        r"(?:one|a single) (?:gradient[ -]descent |training |update )?(?:step|update)(?: of (?:gradient descent|descent))?(?! of (?:adam|rms|ada|nest|mom))",
        "count steps",
    ),
    (r"(?:updated|new) (?:#|weights?|parameters?|values?)", "count steps"),
    (r"after step N(?: and after step N)*(?: \(call them [^)]*\))?", "count steps"),
    (
        r"in each step|of each step|after each|all (?:time )?steps|time steps?|step by step|in one step|at its first step|at the second step|both steps|first step|second step",
        "",
    ),
    (
        r"(?:the )?bias(?:es)? (?:is|are) (?:not (?:trained|updated|changed)|(?:kept )?fixed|frozen)|(?:only|just) the weights are (?:trained|updated)",
        "flag biases fixed",
    ),
    (r"use the old weights everywhere[^.]*|old weights", ""),
    (r"update #(?:(?:,| and|, and) #)*(?: once| in place)?", "updated"),
    (r"only [^.]*? (?:is|are) (?:known|given|needed|asked)", ""),
    (r"momentum(?: of| =)? #", "momentum"),
    (r"(?:gradient descent|sgd|descent)", "flag descent"),
    # Biases and starts.
    (r"(?:has |have |with |there (?:is|are) )?(?:no|without(?: a| any)?) bias(?:es)?", "flag no bias"),
    (r"(?:all )?(?:the )?bias(?:es)? (?:is|are|of)? ?(?:all )?(?:zero|#)", "zero_bias"),
    (r"(?:the )?velocity starts at (?:zero|#)", ""),
    # Classes and conventions.
    (r"(?:true|correct|right) class (?:is )?(?:number |class )?#", "true_class"),
    (r"(?:the )?classes are (?:numbered|counted)(?: from)? \(?#(?: ?, ?#)*\)?|the classes are numbered # # #", ""),
    (r"(?:# |log )?(?:is |means |with |denotes )?(?:the )?natural log(?:arithm)?", ""),
    (r"row by row|(?:over|along|for) each row|row-?wise", "flag by row"),
    (
        r"column by column|(?:every|each) column is normalised on its own|(?:over|for) each column|column-?wise",
        "flag by column",
    ),
    (r"(?:the )?variance (?:is )?divided by the number of samples|biased variance", ""),
    (r"(?:the )?kernel is not flipped|not flipped|no flipping|without flipping", ""),
    (r"stride (?:of |is )?(?:one|#)", "stride"),
    (r"(?:no|without|zero) padding", ""),
    (r"in all (?:N )?(?:six|four|places|entries)(?: places| entries)?", ""),
    (r"\(?euclidean\)?", "flag euclidean"),
    (r"each weight is shared by all time steps|shared by all time steps|shared weights", ""),
    (r"(?:call|let) the arguments? of the (?:two |three )?(\w+?)s? (?:be )?# and #", "arguments"),
    (r"# stands for #(?: ?, ?# for # and so on)?", "stands_for"),
    (r"with # and the # held fixed|with the # held fixed|\(?gates held fixed\)?|held fixed", ""),
    (r"all of its effect[^.)]*", ""),
    (r"#: #(?:, (?:and )?#)+", "points"),
    (r"# #(?=[,.; ]|$)", "edge"),
    (r"# from # to #", "edge"),
    (
        r"deltas?,? (?:that is|i\.e\.|meaning)?,? ?(?:the )?derivatives of # with respect to (?:the )?(?:net inputs|pre-?activations|weighted sums)",
        "text deltas",
    ),
    (r"# \(#\)(?=[,.; ]|$)", "edge"),
    (r"(?:the )?bias # enters (?:both|all|the) (hidden|output) (?:neurons?|units?)", "shared_bias"),
    (r"(?:answer|output|give|produce) # at # and # at #", "wanted_at"),
    (r"# and #, an? (?:inner |hidden |intermediate )?node # that (?:multiplies|adds) them", "node"),
    (r"logits #", "logits"),
    (r"softmax(?: probabilities)? #", "text softmax"),
    (r"(?:derivatives?|gradients?) # (?:is|are) (?:known|given)", "upstream"),
    (r"in which neither # nor # appears?", ""),
    # Functions of several variables.
    (r"(?:derivatives?|gradients?) of # with respect to #(?:(?:,| and|, and) #)*", "with_respect"),
    (r"at (?:the point )?#", "point"),
    (r"(?:numeric(?:al)?|approximate) (?:derivative|gradient|slope) #", "asked"),
    (r"analytic(?:al)? gradient", "flag analytic"),
    (r"numeric(?:al)? gradient by central differences,? #(?: with)? #", "numeric"),
    (r"jacobian(?: matrix)? #", "text jacobian"),
    (r"hessian(?: matrix)? #", "text hessian"),
    (r"hessian", "flag hessian"),
    (r"(?:its|the) gradient", "flag gradient"),
    (r"eigenvalues? of #(?:[^.]*? as #)?", "flag eigenvalues"),
    (r"derivatives? of each function", "flag each derivative"),
    (r"central differences?[^.]*?with #", ""),
    (r"central differences?", ""),
    (r"relative error #", ""),
    (r"below #", ""),
    # Layers in words.
    (r"# (?:is|are) (?:the )?(?:weights?|bias(?:es)?|inputs?|targets?|labels?|parameters?)(?: \w+)?", ""),
    (r"(?:weights?|matri(?:x|ces)) (?:are )?(?:given )?(?:as )?inputs? (?:×|x|by|times) outputs?", "flag rows"),
    (r"first (?:hidden )?layer(?: is| uses?| with|:)?(?: the| a)? (ACT)", "layer hidden"),
    (r"second (?:layer )?(?:is |uses? |with |: ?)?(?:the |a )?(ACT)", "layer output"),
    (r"hidden:? (ACT)(?! layer| unit)", "layer hidden"),
    (r"hidden layers? with (?:N )?(ACT) (?:neurons|units)", "layer hidden"),
    (r"hidden(?: layers?| units?)? activations?(?: function)?(?: is| are|:)?(?: the)? (ACT)", "layer hidden"),
    (r"output(?: layer| unit)? activation(?: function)?(?: is|:)?(?: the)? (ACT)", "layer output"),
    (
        r"(?:both|all)(?: (?:N|two|three))? (?:layers|neurons|units)(?: \w+)*? (?:use |are |with )?(?:the |a )?(ACT)\b(?: activation| function| units)*",
        "layer all",
    ),
    (r"activation function \(all layers\): (ACT)", "layer all"),
    (r"(?:hidden (?:neurons?|units?) and output\s+(?:neurons?|units?)) all use the (ACT)(?: function)?", "layer all"),
    (r"(ACT)(?: activation| units?| function)?(?: in| for) the hidden layer", "layer hidden"),
    (r"(ACT)(?: activation)?(?: in| for) the output(?: layer| unit)?", "layer output"),
    (r"(ACT) hidden (?:layers?|units?)", "layer hidden"),
    (
        r"hidden (?:layers?|units?)(?: is| are| uses?| with|:)?(?: the| a)? (ACT)(?: units?| activation)?",
        "layer hidden",
    ),
    (
        r"(?:the )?outputs?(?: layer| unit| neuron)?(?: is| are| uses?| with|:)?(?: the| a)? (ACT)(?: units?| activation)?",
        "layer output",
    ),
    (r"(ACT) outputs?(?: layer| unit)?", "layer output"),
    (r"(?:the )?(?:N )?outputs? go through a (ACT)", "layer output"),
    (r"(?:activation|activation function)(?: is|:)?(?: the)? (ACT)", "layer all"),
    # Losses in words.
    (r"half (?:of )?the (?:sum of )?(?:the )?squared errors?", "loss L = half_sse(TARGET, OUTPUT)"),
    (r"half the sum of (?:the )?squared (?:errors|differences)", "loss L = half_sse(TARGET, OUTPUT)"),
    (r"sum of (?:the )?squared (?:errors|differences)", "loss L = sse(TARGET, OUTPUT)"),
    (r"mean (?:of the )?squared errors?(?: over [^.,]*)?", "loss L = mse(TARGET, OUTPUT)"),
    (r"mean absolute error", "loss L = mae(TARGET, OUTPUT)"),
    (r"huber loss with #", "huber"),
    (r"(?:average|mean) binary cross-entropy(?: loss)?(?: over [^.,]*)?", "loss L = bce(TARGET, OUTPUT)/count(OUTPUT)"),
    (r"binary cross-entropy(?: loss)?", "loss L = bce(TARGET, OUTPUT)"),
    (r"cross-entropy(?: loss)?", "loss L = crossentropy(TARGET, OUTPUT)"),
    # Counts, which the equations say too.
    (rf"(?:all |both |these |those |the |exactly )?N {_ADJECTIVES}(?:{_UNITS})\b", ""),
    (r"layer N|question N|task N|part N|problem N|exercise N|step N|case N", ""),
    (
        r"(?:homework|exercise|problem|question|sheet|assignment|chapter|lecture|week|quiz|exam|section|example|figure|table) N",
        "",
    ),
    (r"# (max|average)[- ]pooling(?: layer)?(?: with)?(?: a)? stride(?: of)? #", "pooling"),
    (
        r"(max|average)[- ]pooling(?: layer)?(?: with)?(?: a)? (?:window|size)(?: of)? #(?: and)?(?: a)? stride(?: of)? #",
        "pooling",
    ),
    (r"output #", "text output"),
    (r"N[- ](?:way|dimensional|layer|step|d)\b", ""),
    (r"not given|not known|not asked|no numbers?|do not simplify|no need", ""),
    (r"number of (?:samples|examples|points|steps|outputs)", ""),
    (
        r"N row per component of #|N (?:hidden )?layer of N|one of N|(?:the )?(?:last|next|previous|other|larger|smaller) one|one from|one pass|for one|on one|once for|per N|in N half",
        "",
    ),
]

# Activations in words, and how the language calls them.
ACTIVATIONS = {
    "leaky relu with slope #": "leaky_relu", "leaky relu": "leaky_relu", "relu": "relu", "rectified linear": "relu", "sigmoid": "sigmoid", "logistic": "sigmoid",
    "tanh": "tanh", "hyperbolic tangent": "tanh", "softmax": "softmax", "softplus": "softplus", "gelu": "gelu", "elu": "elu", "silu": "silu", "swish": "silu",
    "mish": "mish", "selu": "selu", "linear": "linear", "identity": "linear", "softsign": "softsign",
}  # fmt: skip

# Words that may change a number: each must be part of a phrase, or of what the equations say.
TECHNICAL = {
    "activation": r"(?:leaky )?re ?lu|rectified|sigmoid|logistic function|tanh|hyperbolic|softmax|softplus|gelu|elu|silu|swish|mish|selu|softsign|hard ?tanh|maxout|step function|sign function",
    "loss": r"half|halves|twice|double|squared?|squares|mean|averaged?|averages?|absolute|huber|hinge|cross-?entropy|entropy|kl divergence|divergence|mse|mae|sse|rmse|sum|summed|sums",
    "update": r"momentum|nesterov|adam\w*|adagrad|rmsprop|adadelta|nadam|lion|decay\w*|regulari[sz]\w*|l1|l2|lasso|ridge|penalty|schedule|clip\w*|steps?|updates?|updated|iterations?|epochs?|learning[ -]rate|velocity|frozen|freez\w*|fixed|trained|untrained|trainable|update",
    "structure": r"degrees?|radians|drop-?out|mask\w*|residual|skip|shortcut|tied|dilat\w*|stride|padding|padded|pooling|transposed?|temperature|smoothing|noise|quanti[sz]\w*|bidirectional|causal|peephole|reversed|inverted|doubled|halved|scaled|normali[sz]ed|normali[sz]ation|rounded|round",
    "negation": r"not|no|never|without|except|instead|neither|nor|don't|doesn't|isn't|none|unless|ignor\w+|omit\w*|minus|only",
    "number": r"N",
}

# What may be written instead.
ADVICE = {
    "activation": "write the equation, such as h = relu(z)",
    "loss": "write the loss as an equation, such as L = 1/2 Σ_k (y_k - ŷ_k)²",
    "update": "write the update as an equation, or leave the sentence out",
    "structure": "write it as an equation",
    "negation": "say it without, or as an equation",
    "number": "write it as an equation, such as n = 3",
}
