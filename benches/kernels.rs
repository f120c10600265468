//! One inner loop per group: `kernel/<name>`, ids variant/size.

mod attribution;
mod neighbours;
mod occlusion;

criterion::criterion_group!(
    kernels,
    attribution::attribution,
    neighbours::neighbours,
    occlusion::occlusion
);
criterion::criterion_main!(kernels);
