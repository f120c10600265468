//! One inner loop per group: `kernel/<name>`, ids variant/size.

mod neighbours;

criterion::criterion_group!(kernels, neighbours::neighbours);
criterion::criterion_main!(kernels);
