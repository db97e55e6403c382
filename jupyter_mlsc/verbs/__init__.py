"""The verbs: one file for each thing that a project can do. They put calls in order over a ProjectState; none knows another."""
