//! One inner loop per group: `kernel/<name>`, ids variant/size.

mod attribution;
mod map;
mod neighbours;
mod occlusion;

criterion::criterion_group!(
    kernels,
    attribution::attribution,
    map::affinities,
    map::repulsion,
    map::step,
    neighbours::neighbours,
    occlusion::occlusion
);
criterion::criterion_main!(kernels);
