//! One inner loop per group: `kernel/<name>`, ids variant/size.

mod attribution;
mod map;
mod neighbours;
mod occlusion;
mod quality;

criterion::criterion_group!(
    kernels,
    attribution::attribution,
    map::affinities,
    map::repulsion,
    map::step,
    neighbours::neighbours,
    occlusion::occlusion,
    quality::quality
);
criterion::criterion_main!(kernels);
