"""Homework: papers checked against the truth, fresh exercises, and problems read from what people write."""
