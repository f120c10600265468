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

#[test]
fn missing_values_are_refused_or_kept() {
    for word in ["", "NA", "nan", "null", " "] {
        let text = format!("a,b\n1,2\n3,{word}\n");
        let error = read(&text).unwrap_err();
        assert!(matches!(error, Error::MissingValue { line: 3, column: 2, .. }), "{word:?}");
        let keep = ReadOptions::default().with_missing(Missing::Keep);
        assert!(values(&read_with(&text, &keep).unwrap().matrix)[3].is_nan());
    }
    assert!(matches!(read("1,2\n3,inf\n"), Err(Error::NotFinite { row: 1, col: 1, .. })));
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
    let read = |text: &str, column: Option<&str>| {
        std::fs::write(&path, text).unwrap();
        embex_io::read_labels(&path, column, &ReadOptions::default())
    };
    assert_eq!(read("b\na\nb\n", None).unwrap().names, ["a", "b"]);
    let numbers = read("kind\n10\n9\n", None).unwrap();
    assert_eq!((numbers.names.len(), numbers.complete().unwrap()), (2, vec![1, 0]));
    assert_eq!(read("id,kind\n1,x\n2,y\n", Some("kind")).unwrap().names, ["x", "y"]);
    let unnamed = read("id,kind\n1,x\n2,y\n", None).unwrap_err();
    assert!(matches!(unnamed.root(), Error::ChooseArray { .. }));
    let wrong = read("id,kind\n1,x\n2,y\n", Some("sort")).unwrap_err();
    assert!(matches!(wrong.root(), Error::NotFound { .. }));
}
