//! One inner loop per group: `kernel/<name>`, ids variant/size.

mod attribution;
mod neighbours;

criterion::criterion_group!(kernels, attribution::attribution, neighbours::neighbours);
criterion::criterion_main!(kernels);
