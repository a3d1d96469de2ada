"""Loads the data: measurements of breast tumours, and which of them were benign."""

from sklearn.datasets import load_breast_cancer

from common.step import Dataset, Output, step
from common.table import write_table


@step
def load(data: Output[Dataset]) -> None:
    """Load a table of breast tumours; its last column is 1 for the benign ones."""
    found = load_breast_cancer()  # ships inside scikit-learn: nothing is downloaded
    columns = [*map(str, found.feature_names), "benign"]
    values, labels = found.data.tolist(), found.target.tolist()
    rows = [[*row, label] for row, label in zip(values, labels, strict=True)]
    write_table(data.path, columns, rows)
    data.metadata["rows"] = len(rows)
    data.metadata["schema"] = {
        name: type(value).__name__ for name, value in zip(columns, rows[0], strict=True)
    }


if __name__ == "__main__":
    load.main()
