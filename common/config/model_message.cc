#include "common/config/model_message.h"

namespace keel {

v1::ModelConfig ToMessage(const ModelConfig& model) {
  v1::ModelConfig message;
  message.set_embed_dim(model.embed_dim);
  message.set_quick_gelu(model.quick_gelu);
  v1::ModelConfig::Vision& vision = *message.mutable_vision();
  vision.set_image_size(model.vision.image_size);
  vision.set_width(model.vision.width);
  vision.set_heads(model.vision.heads);
  if (model.vision.blocks.empty()) {
    vision.set_patch_size(model.vision.patch_size);
    vision.set_layers(model.vision.layers);
    vision.set_mlp_ratio(model.vision.mlp_ratio);
  } else {
    vision.mutable_blocks()->Add(model.vision.blocks.begin(),
                                 model.vision.blocks.end());
  }
  v1::ModelConfig::Text& text = *message.mutable_text();
  text.set_context_length(model.text.context_length);
  text.set_vocab_size(model.text.vocab_size);
  text.set_width(model.text.width);
  text.set_layers(model.text.layers);
  text.set_heads(model.text.heads);
  text.set_mlp_ratio(model.text.mlp_ratio);
  return message;
}

}  // namespace keel
