"""One neuron, its gradients, and its picture."""

import viz
from scalargrad import Value

x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
w1, w2, b = Value(-3.0, label="w1"), Value(1.0, label="w2"), Value(6.8813735870195432, label="b")
for weight in (w1, w2, b):
    weight.role = "parameter"

n = x1 * w1 + x2 * w2 + b
n.label = "n"
o = n.tanh()
o.label = "o"
o.backward()

for value in (o, x1, w1, x2, w2, b):
    print(f"{value.label:2} {value.data:+.4f}  gradient {value.grad:+.4f}")
print("drawn:", viz.draw(o, "neuron.png", title="o = tanh(w1 x1 + w2 x2 + b)"))
