"""pyarrow, which opens every file in C++, and what pandas hands to it without opening it itself."""

from __future__ import annotations

from jupyter_mlsc.kernel.adapters.row import Row, argument, opening

ROWS: tuple[Row, ...] = (
    # pandas 3 hands to_parquet a stream that pyarrow opened: no function of pyarrow gets the path.
    Row("pandas", "DataFrame.to_parquet", writes=argument(0, "path")),
    Row("pyarrow", "memory_map", reads=argument(0, "path")),
    Row("pyarrow", "create_memory_map", writes=argument(0, "path")),
    opening("pyarrow", "OSFile", argument(0, "path"), (1, "mode", "r")),
    Row("pyarrow", "input_stream", reads=argument(0, "source")),
    Row("pyarrow", "output_stream", writes=argument(0, "source")),
    Row("pyarrow.parquet", "ParquetFile.__init__", reads=argument(0, "source")),
    Row("pyarrow.parquet", "ParquetDataset.__init__", reads=argument(0, "path_or_paths")),
    # These open the file before they hand it on.
    Row("pyarrow.parquet", "read_metadata", reads=argument(0, "where")),
    Row("pyarrow.parquet", "read_schema", reads=argument(0, "where")),
    Row("pyarrow.parquet", "ParquetWriter.__init__", writes=argument(0, "where")),
    Row("pyarrow.parquet", "write_to_dataset", writes=argument(1, "root_path")),
    Row("pyarrow.dataset", "dataset", reads=argument(0, "source")),
    Row("pyarrow.dataset", "parquet_dataset", reads=argument(0, "metadata_path")),
    Row("pyarrow.dataset", "write_dataset", writes=argument(1, "base_dir")),
    Row("pyarrow.csv", "read_csv", reads=argument(0, "input_file")),
    Row("pyarrow.csv", "open_csv", reads=argument(0, "input_file")),
    Row("pyarrow.csv", "write_csv", writes=argument(1, "output_file")),
    Row("pyarrow.csv", "CSVWriter", writes=argument(0, "sink")),
    Row("pyarrow.json", "read_json", reads=argument(0, "input_file")),
    Row("pyarrow.json", "open_json", reads=argument(0, "input_file")),
    Row("pyarrow.feather", "read_table", reads=argument(0, "source")),
    Row("pyarrow.feather", "write_feather", writes=argument(1, "dest")),
    Row("pyarrow.orc", "read_table", reads=argument(0, "source")),
    Row("pyarrow.orc", "ORCFile.__init__", reads=argument(0, "source")),
    Row("pyarrow.orc", "ORCWriter.__init__", writes=argument(0, "where")),
    Row("pyarrow.ipc", "RecordBatchFileReader.__init__", reads=argument(0, "source")),
    Row("pyarrow.ipc", "RecordBatchStreamReader.__init__", reads=argument(0, "source")),
    Row("pyarrow.ipc", "RecordBatchFileWriter.__init__", writes=argument(0, "sink")),
    Row("pyarrow.ipc", "RecordBatchStreamWriter.__init__", writes=argument(0, "sink")),
)
