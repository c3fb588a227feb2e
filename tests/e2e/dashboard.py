"""deploy/grafana/drift.json, read as Grafana reads it."""
import json
import os
import re

from prometheus import ROOT

PATH = os.path.join(ROOT, "deploy", "grafana", "drift.json")
# What Grafana would put here for a dashboard of the last hour, scraped each second.
BUILT_IN = {"__rate_interval": "15s", "__range": "1h"}


class Dashboard:
    def __init__(self):
        with open(PATH, encoding="utf-8") as file:
            self.json = json.load(file)

    def panels(self):
        """Everything but the rows' headings."""
        rows = [panel for panel in self.json["panels"] if panel["type"] == "row"]
        inner = [panel for row in rows for panel in row.get("panels", [])]
        return [panel for panel in self.json["panels"] + inner if panel["type"] != "row"]

    def variables(self):
        return {variable["name"]: variable for variable in self.json["templating"]["list"]}

    def values(self, prometheus):
        """Name -> text of each variable, as first opened: all that Prometheus knows, or the default."""
        values = dict(BUILT_IN)
        for name, variable in self.variables().items():
            if variable["type"] == "query":
                metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()
                found = prometheus.label_values(metric, label)
                if not found:
                    raise AssertionError(f"the variable {name} has no values: {variable['definition']}")
                values[name] = "(" + "|".join(map(re.escape, found)).replace("\\", "\\\\") + ")"
            elif variable["type"] == "custom":
                values[name] = variable["current"]["value"]
        return values


def substituted(expression, values):
    """The expression without variables; KeyError names one that the dashboard does not declare."""
    return re.sub(r"\$(\w+)", lambda match: values[match[1]], expression)
