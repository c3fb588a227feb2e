#include "worker/model/resnet.h"

#include "worker/model/resnet_spec.h"

namespace keel {
namespace {

using Get = std::function<at::Tensor(const std::string& name)>;

NormedConvolution MakeConvolution(const ConvolutionSpec& spec, const Get& get) {
  return {get(spec.name + ".weight"),
          {{get(spec.norm + ".weight"), get(spec.norm + ".bias")},
           get(spec.norm + ".running_mean"),
           get(spec.norm + ".running_var"),
           get(spec.norm + ".num_batches_tracked")}};
}

Bottleneck MakeBottleneck(const BottleneckSpec& spec, const Get& get) {
  const auto part = [&](size_t i) {
    return MakeConvolution(spec.convolutions[i], get);
  };
  Bottleneck block{part(0), part(1), part(2), std::nullopt, spec.stride};
  if (spec.convolutions.size() > 3) block.shortcut = part(3);
  return block;
}

AttentionPool MakePool(int heads, const Get& get) {
  const auto affine = [&get](const std::string& name) {
    return Affine{get("visual.attnpool." + name + ".weight"),
                  get("visual.attnpool." + name + ".bias")};
  };
  return {get("visual.attnpool.positional_embedding"),
          affine("q_proj"),
          affine("k_proj"),
          affine("v_proj"),
          affine("c_proj"),
          heads};
}

// Convolution and norm; the output has the input's size over `stride`.
at::Tensor Convolve(const at::Tensor& x, const NormedConvolution& layer,
                    const BatchNormSyncPtr& sync, int64_t stride = 1) {
  const int64_t padding = layer.weight.size(2) / 2;
  return Normalize(at::conv2d(x, layer.weight, std::nullopt, stride, padding),
                   layer.norm, sync);
}

at::Tensor AveragePool(const at::Tensor& x, int stride) {
  return stride > 1 ? at::avg_pool2d(x, stride) : x;
}

at::Tensor Run(const Bottleneck& block, const at::Tensor& x,
               const BatchNormSyncPtr& sync) {
  at::Tensor y = Convolve(x, block.reduce, sync).relu();
  y = Convolve(y, block.middle, sync).relu();
  y = Convolve(AveragePool(y, block.stride), block.expand, sync);
  return (y +
          (block.shortcut.has_value()
               ? Convolve(AveragePool(x, block.stride), *block.shortcut, sync)
               : x))
      .relu();
}

// `x` [n, W, H, H] -> [n, D].
at::Tensor Attend(const AttentionPool& pool, const at::Tensor& x) {
  const at::Tensor places = x.flatten(2).transpose(1, 2);
  const at::Tensor all =
      at::cat({places.mean(1, /*keepdim=*/true), places}, 1) + pool.positions;
  const auto heads = [&pool](const at::Tensor& y) {
    return y.view({y.size(0), y.size(1), pool.heads, y.size(2) / pool.heads})
        .transpose(1, 2);
  };
  const at::Tensor attended = at::scaled_dot_product_attention(
      heads(Linear(all.narrow(1, 0, 1), pool.query)),
      heads(Linear(all, pool.key)), heads(Linear(all, pool.value)));
  return Linear(attended.transpose(1, 2).flatten(1), pool.projection);
}

}  // namespace

ResNet MakeResNet(const ModelConfig::Vision& vision, const Get& get) {
  ResNet tower;
  const std::vector<ConvolutionSpec> stem = StemSpecs(vision);
  for (size_t i = 0; i < stem.size(); ++i) {
    tower.stem[i] = MakeConvolution(stem[i], get);
  }
  for (const BottleneckSpec& spec : BottleneckSpecs(vision)) {
    tower.blocks.push_back(MakeBottleneck(spec, get));
  }
  tower.pool = MakePool(vision.heads, get);
  return tower;
}

at::Tensor Encode(const ResNet& tower, const at::Tensor& images,
                  const BatchNormSyncPtr& sync) {
  at::Tensor x = Convolve(images, tower.stem[0], sync, /*stride=*/2).relu();
  x = Convolve(x, tower.stem[1], sync).relu();
  x = Convolve(x, tower.stem[2], sync).relu();
  x = AveragePool(x, 2);
  for (const Bottleneck& block : tower.blocks) x = Run(block, x, sync);
  return Attend(tower.pool, x);
}

}  // namespace keel
