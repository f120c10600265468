//! Tables: what is recognised, and what is refused with its place.

use embex_io::{ColumnValues, Error, Matrix, Missing, ReadOptions, Values, read_bytes};

fn read(text: &str) -> embex_io::Result<embex_io::Input> {
    read_with(text, &ReadOptions::default())
}

fn read_with(text: &str, options: &ReadOptions) -> embex_io::Result<embex_io::Input> {
    read_bytes(text.as_bytes().to_vec(), "a.csv", options)
}

fn values(matrix: &Matrix) -> Vec<f64> {
    match matrix.values() {
        Values::F32(values) => values.iter().copied().map(f64::from).collect(),
        Values::F64(values) => values.clone(),
    }
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn numbers_alone_have_no_names() {
    let input = read("1,2,3\n4,5,6\n").unwrap();
    assert_eq!((input.matrix.n_rows(), input.matrix.n_cols()), (2, 3));
    assert_eq!(values(&input.matrix), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!((input.row_names, input.col_names), (None, None));
}

#[test]
fn header_and_row_names_are_found() {
    for text in ["id,a,b\nx,1,2\ny,3,4\n", ",a,b\nx,1,2\ny,3,4\n", "a,b\nx,1,2\ny,3,4\n"] {
        let input = read(text).unwrap();
        assert_eq!(input.col_names, Some(strings(&["a", "b"])), "{text}");
        assert_eq!(input.row_names, Some(strings(&["x", "y"])), "{text}");
        assert_eq!(values(&input.matrix), [1.0, 2.0, 3.0, 4.0], "{text}");
    }
}

#[test]
fn an_empty_corner_makes_numbers_names() {
    let input = read(",0,1\n0,1.5,2\n1,3,4\n").unwrap();
    assert_eq!(input.col_names, Some(strings(&["0", "1"])));
    assert_eq!(input.row_names, Some(strings(&["0", "1"])));
    assert_eq!(values(&input.matrix), [1.5, 2.0, 3.0, 4.0]);
}

#[test]
fn numeric_headers_need_to_be_told() {
    let options = ReadOptions::default().with_header(true);
    let input = read_with("1,2\n3,4\n", &options).unwrap();
    assert_eq!((input.matrix.n_rows(), input.col_names), (1, Some(strings(&["1", "2"]))));
    let options = ReadOptions::default().with_header(false);
    let error = read_with("a,b\n3,4\n", &options).unwrap_err();
    assert!(matches!(error, Error::NotANumber { line: 1, column: 2, name: None, .. }));
}

#[test]
fn other_delimiters_quotes_line_ends_and_blank_lines_are_read() {
    let input = read("\"a;1\";b\r\n1.5;-2e3\r\n\r\n3;4").unwrap();
    assert_eq!(input.col_names, Some(strings(&["a;1", "b"])));
    assert_eq!(values(&input.matrix), [1.5, -2000.0, 3.0, 4.0]);
    let tabs = read_bytes(b"a\tb\n1\t2\n".to_vec(), "a.tsv", &ReadOptions::default()).unwrap();
    assert_eq!(values(&tabs.matrix), [1.0, 2.0]);
    let pipes = ReadOptions::default().with_delimiter(b'|');
    assert_eq!(values(&read_with("1|2\n", &pipes).unwrap().matrix), [1.0, 2.0]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_name() {
    let input = read("\u{feff}a,b\n1,2\n").unwrap();
    assert_eq!(input.col_names, Some(strings(&["a", "b"])));
}

#[test]
fn text_is_refused_with_line_column_and_name() {
    let error = read("a,b\n1,2\n3,x\n").unwrap_err();
    assert!(matches!(&error, Error::NotANumber { line: 3, column: 2, name: Some(name), text }
            if name == "b" && text == "x"));
    assert!(error.to_string().starts_with("line 3, column 2 (b): \"x\" is not a number"));
}

/// A line that counts the columns may hold their names: the reader of the result is told.
#[test]
fn a_first_line_that_counts_the_columns_is_noted() {
    let notes = |text: &str| read(text).unwrap().notes.len();
    for noted in ["0,1,2\n5,6,7\n", "1,2\n3,4\n", "0,1\n"] {
        assert_eq!(notes(noted), 1, "{noted}");
    }
    for plain in ["0,2,1\n5,6,7\n", "1\n2\n", ",0,1\nx,5,6\n", "a,b\n0,1\n", "0.0,1.0\n2,3\n"] {
        assert_eq!(notes(plain), 0, "{plain}");
    }
}

#[test]
fn missing_values_are_refused_or_kept() {
    for word in ["", "NA", "nan", "null", " "] {
        let text = format!("a,b\n1,2\n3,{word}\n");
        let error = read(&text).unwrap_err();
        assert!(matches!(error, Error::MissingValue { line: 3, column: 2, .. }), "{word:?}");
        let keep = ReadOptions::default().with_missing(Missing::Keep);
        assert!(values(&read_with(&text, &keep).unwrap().matrix)[3].is_nan());
    }
    assert!(matches!(read("1,2\n3,inf\n"), Err(Error::NotFiniteCell { line: 2, column: 2, .. })));
}

#[test]
fn ragged_rows_and_empty_files_are_refused() {
    assert!(matches!(read("1,2\n3\n"), Err(Error::Ragged { line: 2, expected: 2, got: 1 })));
    assert!(matches!(read("1,2\n3,4\n5,6,7\n"), Err(Error::Ragged { line: 3, got: 3, .. })));
    let aside = ReadOptions::default().with_set_aside("kind");
    let ragged = read_with("a,b,c,kind\n1,2\n1,2,3,g\n", &aside);
    assert!(matches!(ragged, Err(Error::Ragged { line: 2, expected: 4, got: 2 })));
    assert!(matches!(read(""), Err(Error::Empty { .. })));
    assert!(matches!(read("a,b\n"), Err(Error::Empty { n_rows: 0, n_cols: 2 })));
}

#[test]
fn columns_are_set_aside_by_name_or_number() {
    let options = ReadOptions::default().with_set_aside("kind").with_set_aside("n");
    let input = read_with("kind,w,n\nb,1,7\na,2,\nb,3,9\n", &options).unwrap();
    assert_eq!(values(&input.matrix), [1.0, 2.0, 3.0]);
    assert_eq!(input.row_names, None);
    let labels = input.labels("kind").unwrap();
    assert_eq!((labels.names.len(), labels.complete().unwrap()), (2, vec![1, 0, 1]));
    let n = &input.column("n").unwrap().values;
    assert_eq!(*n, ColumnValues::Integer(vec![Some(7), None, Some(9)]));
    assert!(matches!(input.labels("no"), Err(Error::NotFound { .. })));

    let options = ReadOptions::default().with_set_aside("3");
    let input = read_with("1,2,x\n3,4,y\n", &options).unwrap();
    assert_eq!(values(&input.matrix), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(input.labels("3").unwrap().names, ["x", "y"]);
    let error = read_with("a,b\n1,2\n", &options).unwrap_err();
    assert!(matches!(error, Error::NotFound { available, .. } if available == ["a", "b"]));
}

#[test]
fn bytes_that_are_not_text_are_refused_with_their_place() {
    let error = read_bytes(b"a,b\n1,\xff\n".to_vec(), "a.csv", &ReadOptions::default());
    assert!(matches!(error, Err(Error::NotUtf8 { line: 2, column: 2 })));
}

#[test]
fn a_table_beyond_the_budget_is_refused() {
    let options = ReadOptions::default().with_max_bytes(1000);
    let error = read_with(&"1,2,3,4\n".repeat(100), &options).unwrap_err();
    assert!(matches!(error, Error::OverBudget { limit: 1000, .. }));
}

#[test]
fn label_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.txt");
    let read_for = |text: &str, column: Option<&str>, n_rows: Option<usize>| {
        std::fs::write(&path, text).unwrap();
        embex_io::read_labels(&path, column, n_rows, &ReadOptions::default())
    };
    let read = |text: &str, column: Option<&str>| read_for(text, column, None);
    assert_eq!(read("b\na\nb\n", None).unwrap().names, ["a", "b"]);
    let numbers = read("kind\n10\n9\n", None).unwrap();
    assert_eq!((numbers.names.len(), numbers.complete().unwrap()), (2, vec![1, 0]));
    assert_eq!(read("id,kind\n1,x\n2,y\n", Some("kind")).unwrap().names, ["x", "y"]);
    let unnamed = read("id,kind\n1,x\n2,y\n", None).unwrap_err();
    assert!(matches!(unnamed.root(), Error::ChooseArray { .. }));
    let wrong = read("id,kind\n1,x\n2,y\n", Some("sort")).unwrap_err();
    assert!(matches!(wrong.root(), Error::NotFound { .. }));

    // The number of rows tells a name from a label.
    assert_eq!(read_for("kind\na\nb\n", None, Some(2)).unwrap().names, ["a", "b"]);
    assert_eq!(read_for("kind\na\nb\n\n", None, Some(3)).unwrap().names, ["a", "b", "kind"]);
    assert_eq!(read_for("1\n2\n1\n", None, Some(2)).unwrap().names, ["1", "2"]);
    assert_eq!(
        read_for("id\tkind\n1\tx\n2\ty\n", Some("kind"), Some(2)).unwrap().names,
        ["x", "y"]
    );
    assert_eq!(read_for("1,x\n2,y\n", Some("2"), Some(2)).unwrap().names, ["x", "y"]);
    assert_eq!(read_for("id,kind\n1,x\n2,y\n", Some("2"), Some(2)).unwrap().names, ["x", "y"]);
    for (text, column, rows, expected) in [
        ("a\nb\n", None, 3, 2),
        ("kind\na\nb\n", None, 1, 3),
        ("kind\n1\n2\n", None, 3, 2), // a name above numbers, and a label too few
        ("id,kind\n1,x\n2,y\n", Some("kind"), 3, 2),
    ] {
        let error = read_for(text, column, Some(rows)).unwrap_err();
        let Error::LabelCount { got, n_rows } = error.root() else { panic!("{text:?}: {error}") };
        assert_eq!((*got, *n_rows), (expected, rows), "{text:?}");
    }
}

#[test]
fn options_that_mean_nothing_for_a_format_are_refused() {
    let npy: &[u8] = include_bytes!("data/npy/f2.npy");
    let plain = ReadOptions::default;
    for (name, bytes, options, expected) in [
        ("a.csv", &b"1,2\n"[..], plain().with_array("a"), "array"),
        ("a.csv", b"1,2\n", plain().with_layer("a"), "layer"),
        ("a.npy", npy, plain().with_delimiter(b';'), "delimiter"),
        ("a.npy", npy, plain().with_header(true), "header"),
        ("a.npy", npy, plain().with_set_aside("a"), "set_aside"),
        ("a.npy", npy, plain().with_labels("a"), "labels"),
        ("a.csv", b"a,b\n1,2\n", plain().with_labels("a").with_transpose(true), "labels"),
    ] {
        let error = read_bytes(bytes.to_vec(), name, &options).unwrap_err();
        let Error::NotApplicable { option, .. } = error.root() else { panic!("{name}: {error}") };
        assert_eq!((*option, error.class()), (expected, embex_io::ErrorClass::Usage));
    }
    for (name, options) in [
        ("bundled:digits", plain().with_layer("counts")),
        ("bundled:digits", plain().with_transpose(true)),
        ("bundled:pbmc3k", plain().with_header(true)),
        ("bundled:pbmc3k", plain().with_labels("no")),
    ] {
        let error = embex_io::read(name, &options).unwrap_err();
        assert_eq!(error.class(), embex_io::ErrorClass::Usage, "{name}: {error}");
    }
}

#[test]
fn labels_are_set_aside_and_must_be_there() {
    let options = ReadOptions::default().with_labels("kind").with_set_aside("kind");
    let input = read_with("kind,w\nb,1\na,2\n", &options).unwrap();
    assert_eq!((values(&input.matrix), input.obs.len()), (vec![1.0, 2.0], 1));
    assert_eq!(input.labels("kind").unwrap().names, ["a", "b"]);
    let absent = read_with("a,b\n1,2\n", &options).unwrap_err();
    assert!(matches!(absent, Error::NotFound { what: "column", .. }));
}

#[test]
fn a_table_is_described_whatever_its_columns_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let describe = |text: &str, options: &ReadOptions| {
        std::fs::write(&path, text).unwrap();
        embex_io::info(&path, options).unwrap()
    };
    let text = "id,w,kind,n,late\nx,1,red,2,5\ny,,blue,3,six\nx,inf,red,4,7\n";
    let info = describe(text, &ReadOptions::default().with_set_aside("n"));
    assert_eq!((info.n_rows, info.n_cols, info.bytes), (3, 1, 24));
    assert_eq!(info.col_names, Some(strings(&["w"])));
    assert_eq!(info.row_names, Some(strings(&["x", "y", "x"])));
    let facts: Vec<_> = info.obs.iter().map(|fact| (fact.name.as_str(), fact.kind)).collect();
    let expected = [("id", "text"), ("kind", "text"), ("n", "integer"), ("late", "text")];
    assert_eq!(facts, expected);
    assert_eq!(info.notes, ["column w: 1 missing, 1 infinite values"]);
    let exchanged = describe(text, &ReadOptions::default().with_transpose(true));
    assert_eq!((exchanged.n_rows, exchanged.var.len()), (2, 3));
    // A table without text is described as it is read.
    for text in ["1,2\n3,4\n", "a,b\nx,1,2\ny,3,4\n", ",0,1\n0,1.5,2\n1,3,4\n"] {
        let info = describe(text, &ReadOptions::default());
        assert_eq!(info, embex_io::Info::of(read(text).unwrap()), "{text}");
    }
    let words = describe("kind\nred\nblue\n", &ReadOptions::default());
    assert_eq!((words.n_rows, words.n_cols, words.obs[0].kind), (2, 0, "text"));
}
