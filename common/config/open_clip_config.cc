#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/config/model_preset.h"
#include "common/status_macros.h"
#include "nlohmann/json.hpp"

namespace keel {
namespace {

using nlohmann::json;

constexpr int kHeadWidth = 64;

// A JSON object, its place in the file and the keys that were asked for.
class Section {
 public:
  Section(const json& object, std::string file_name, std::string path)
      : object_(object),
        file_name_(std::move(file_name)),
        path_(std::move(path)) {}

  absl::Status Error(const std::string& key, const std::string& problem) const {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name_, ": '", path_, key, "' ", problem));
  }

  bool Has(const char* key) const {
    return object_.contains(key) && !object_[key].is_null();
  }

  absl::StatusOr<int> Integer(const char* key) const {
    if (!Has(key)) return Error(key, "is missing");
    const json& value = object_[key];
    if (!value.is_number_integer() || value < 1 || value > 1'000'000) {
      return Error(key, absl::StrCat("must be a positive whole number, got ",
                                     value.dump()));
    }
    return value.get<int>();
  }
  // Null if the key holds no list.
  const json* List(const char* key) const {
    return Has(key) && object_[key].is_array() ? &object_[key] : nullptr;
  }
  absl::StatusOr<int> IntegerOr(const char* key, int fallback) const {
    if (!Has(key)) return fallback;
    return Integer(key);
  }
  absl::StatusOr<double> NumberOr(const char* key, double fallback) const {
    if (!Has(key)) return fallback;
    if (object_[key].is_number()) return object_[key].get<double>();
    return Error(key, "must be a number");
  }
  absl::StatusOr<bool> BoolOr(const char* key, bool fallback) const {
    if (!Has(key)) return fallback;
    if (object_[key].is_boolean()) return object_[key].get<bool>();
    return Error(key, "must be true or false");
  }
  absl::StatusOr<Section> Object(const char* key) const {
    if (!Has(key)) return Error(key, "is missing");
    if (!object_[key].is_object()) return Error(key, "must be an object");
    return Section(object_[key], file_name_, absl::StrCat(path_, key, "."));
  }

  // Refuses keys of `object_` that neither are in `known` nor switch a feature
  // off nor have the value that OpenCLIP assumes without them.
  absl::Status CheckOthers(const json& known) const {
    static const json* const neutral =
        new json({{"pool_type", {"tok", "argmax"}},
                  {"pos_embed_type", {"learnable"}},
                  {"proj_type", {"linear"}},
                  {"attn_pooler_queries", {256}},
                  {"attn_pooler_heads", {8}},
                  {"eos_id", {2}},
                  {"timm_pool", {"avg"}},
                  {"timm_proj", {"linear"}},
                  {"hf_model_pretrained", {true}},
                  {"hf_tokenizer_name", {""}}});
    for (const auto& [key, value] : object_.items()) {
      if (Contains(known, key)) continue;
      const bool off = value.is_null() || value == false || value == 0;
      const bool usual =
          neutral->contains(key) && Contains((*neutral)[key], value);
      if (!off && !usual) {
        return Error(key, absl::StrCat("is ", value.dump(),
                                       ": not supported by this version"));
      }
    }
    return absl::OkStatus();
  }

 private:
  static bool Contains(const json& list, const json& value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  }

  const json& object_;
  const std::string file_name_;
  const std::string path_;
};

// A list of layers is OpenCLIP's sign of a ResNet, which makes nothing of the
// keys of a transformer.
absl::Status ReadResNet(const Section& cfg, const json& stages,
                        v1::ModelConfig::Vision* vision) {
  for (const json& blocks : stages) {
    if (!blocks.is_number_integer() || blocks < 1 || blocks > 256) {
      return cfg.Error("layers",
                       absl::StrCat("must be whole numbers from 1 to 256, got ",
                                    stages.dump()));
    }
    vision->add_blocks(blocks.get<int>());
  }
  if (stages.size() != 4) {
    return cfg.Error("layers", absl::StrCat("must be a number or have four, "
                                            "got ",
                                            stages.dump()));
  }
  KEEL_ASSIGN_OR_RETURN(const int image_size, cfg.IntegerOr("image_size", 224));
  KEEL_ASSIGN_OR_RETURN(const int width, cfg.IntegerOr("width", 768));
  KEEL_ASSIGN_OR_RETURN(const int head_width,
                        cfg.IntegerOr("head_width", kHeadWidth));
  if (32 * width % head_width != 0) {
    return cfg.Error("width", "times 32 is no multiple of the heads' width");
  }
  vision->set_image_size(image_size);
  vision->set_width(width);
  vision->set_heads(32 * width / head_width);
  return absl::OkStatus();
}

absl::Status ReadVision(const Section& cfg, v1::ModelConfig::Vision* vision) {
  KEEL_RETURN_IF_ERROR(cfg.CheckOthers({"image_size", "patch_size", "width",
                                        "layers", "head_width", "mlp_ratio"}));
  if (const json* stages = cfg.List("layers")) {
    return ReadResNet(cfg, *stages, vision);
  }
  KEEL_ASSIGN_OR_RETURN(const int image_size, cfg.IntegerOr("image_size", 224));
  KEEL_ASSIGN_OR_RETURN(const int layers, cfg.IntegerOr("layers", 12));
  KEEL_ASSIGN_OR_RETURN(const int patch_size, cfg.IntegerOr("patch_size", 16));
  KEEL_ASSIGN_OR_RETURN(const int width, cfg.IntegerOr("width", 768));
  KEEL_ASSIGN_OR_RETURN(const int head_width,
                        cfg.IntegerOr("head_width", kHeadWidth));
  KEEL_ASSIGN_OR_RETURN(const double mlp_ratio, cfg.NumberOr("mlp_ratio", 4));
  if (width % head_width != 0) {
    return cfg.Error("width", "is no multiple of the heads' width");
  }
  vision->set_image_size(image_size);
  vision->set_patch_size(patch_size);
  vision->set_width(width);
  vision->set_layers(layers);
  vision->set_heads(width / head_width);
  vision->set_mlp_ratio(mlp_ratio);
  return absl::OkStatus();
}

absl::Status ReadText(const Section& cfg, v1::ModelConfig::Text* text) {
  KEEL_RETURN_IF_ERROR(cfg.CheckOthers({"context_length", "vocab_size", "width",
                                        "heads", "layers", "mlp_ratio"}));
  KEEL_ASSIGN_OR_RETURN(const int context, cfg.IntegerOr("context_length", 77));
  KEEL_ASSIGN_OR_RETURN(const int vocab, cfg.IntegerOr("vocab_size", 49408));
  KEEL_ASSIGN_OR_RETURN(const int width, cfg.IntegerOr("width", 512));
  KEEL_ASSIGN_OR_RETURN(const int heads, cfg.IntegerOr("heads", 8));
  KEEL_ASSIGN_OR_RETURN(const int layers, cfg.IntegerOr("layers", 12));
  KEEL_ASSIGN_OR_RETURN(const double mlp_ratio, cfg.NumberOr("mlp_ratio", 4));
  text->set_context_length(context);
  text->set_vocab_size(vocab);
  text->set_width(width);
  text->set_heads(heads);
  text->set_layers(layers);
  text->set_mlp_ratio(mlp_ratio);
  return absl::OkStatus();
}

absl::StatusOr<v1::ModelConfig> ReadModel(const Section& cfg) {
  KEEL_RETURN_IF_ERROR(
      cfg.CheckOthers({"embed_dim", "quick_gelu", "vision_cfg", "text_cfg"}));
  KEEL_ASSIGN_OR_RETURN(const int embed_dim, cfg.Integer("embed_dim"));
  KEEL_ASSIGN_OR_RETURN(const bool quick_gelu, cfg.BoolOr("quick_gelu", false));
  KEEL_ASSIGN_OR_RETURN(const Section vision, cfg.Object("vision_cfg"));
  KEEL_ASSIGN_OR_RETURN(const Section text, cfg.Object("text_cfg"));
  v1::ModelConfig model;
  model.set_embed_dim(embed_dim);
  model.set_quick_gelu(quick_gelu);
  KEEL_RETURN_IF_ERROR(ReadVision(vision, model.mutable_vision()));
  KEEL_RETURN_IF_ERROR(ReadText(text, model.mutable_text()));
  return model;
}

// Of numbers in a list; other values are equal or not.
bool NearlyEqual(const json& value, const json& expected) {
  if (!expected.is_array()) return value == expected;
  if (!value.is_array() || value.size() != expected.size()) return false;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!value[i].is_number() ||
        std::abs(value[i].get<double>() - expected[i].get<double>()) > 1e-6) {
      return false;
    }
  }
  return true;
}

// Keel feeds images as OpenAI's CLIP does; weights of another preprocessing
// would train, but see other pictures than they know.
absl::Status CheckPreprocessing(const json& cfg, const std::string& file_name) {
  static const json* const openai =
      new json({{"mean", {0.48145466, 0.4578275, 0.40821073}},
                {"std", {0.26862954, 0.26130258, 0.27577711}},
                {"mode", "RGB"},
                {"interpolation", "bicubic"},
                {"resize_mode", "shortest"}});
  for (const auto& [key, expected] : openai->items()) {
    if (cfg.contains(key) && !NearlyEqual(cfg[key], expected)) {
      return absl::InvalidArgumentError(absl::StrCat(
          file_name, ": 'preprocess_cfg.", key, "' is ", cfg[key].dump(),
          ": not supported by this version, which takes ", expected.dump()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::ModelConfig> ModelConfigFromOpenClip(
    std::string_view json_text, std::string_view file) {
  const std::string file_name(file);
  const json root = json::parse(json_text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name, ": not a JSON object"));
  }
  if (root.contains("preprocess_cfg")) {
    KEEL_RETURN_IF_ERROR(CheckPreprocessing(root["preprocess_cfg"], file_name));
  }
  const Section top(root, file_name, "");
  if (!root.contains("model_cfg")) return ReadModel(top);
  KEEL_ASSIGN_OR_RETURN(const Section model, top.Object("model_cfg"));
  return ReadModel(model);
}

}  // namespace keel
