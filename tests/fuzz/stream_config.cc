// Input: a zero byte and a StreamConfig message, as a client sends it; or a
// one and an open_clip_config.json; or a YAML file. What is accepted, printed
// as YAML, reads back the same; an architecture that is read can be trained.
#include "common/config/stream_config.h"

#include <google/protobuf/stubs/logging.h>

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/config/model_message.h"
#include "common/model/open_clip_config.h"
#include "tests/fuzz/fuzz_input.h"

namespace keel::testing {
namespace {

v1::StreamConfig ReadBack(const v1::StreamConfig& config) {
  const std::string yaml = StreamConfigToYaml(config);
  const auto again = ParseStreamConfig(yaml, "printed.yaml");
  FuzzCheck(again.ok(), absl::StrCat("what was printed can be read: ",
                                     again.status().ToString(), "\n", yaml));
  FuzzCheck(StreamConfigToYaml(again->config) == yaml,
            "what was read is printed the same");
  return again->config;
}

void CheckMessage(std::string_view bytes) {
  // Text that is not UTF-8 is refused with a line on stderr.
  const google::protobuf::LogSilencer quiet;
  v1::StreamConfig config;
  if (!config.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return;
  }
  const v1::StreamConfig filled = WithDefaults(config);
  FuzzCheck(
      WithDefaults(filled).SerializeAsString() == filled.SerializeAsString(),
      "defaults are filled once");
  if (ValidateStreamConfig(filled).ok()) {
    FuzzCheck(!StreamConfigToYaml(filled).empty(), "it can be shown");
  }
}

void CheckYaml(std::string_view text) {
  const auto file = ParseStreamConfig(text, "fuzz.yaml");
  if (!file.ok()) {
    FuzzCheck(absl::IsInvalidArgument(file.status()), "a bad file's code");
    return;
  }
  ReadBack(file->config);
  const v1::StreamConfig filled = WithDefaults(file->config);
  if (!ValidateStreamConfig(filled).ok()) return;
  FuzzCheck(ReadBack(filled).SerializeAsString() == filled.SerializeAsString(),
            "a whole configuration reads back the same");
}

void CheckOpenClip(std::string_view json) {
  const auto model = ModelConfigFromOpenClip(json, "fuzz.json");
  if (!model.ok()) return;
  v1::StreamConfig config;
  *config.mutable_model() = ToMessage(*model);
  // The tokenizer has one vocabulary; a tool may read weights of another.
  config.mutable_model()->mutable_text()->set_vocab_size(kMaxVocabulary);
  const absl::Status status = ValidateStreamConfig(WithDefaults(config));
  FuzzCheck(status.ok(), absl::StrCat("a stream takes every architecture that "
                                      "is read: ",
                                      status.ToString()));
  CheckMessage(config.SerializeAsString());
}

}  // namespace
}  // namespace keel::testing

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace keel::testing;  // NOLINT(google-build-using-namespace)
  FuzzInput input(data, size);
  const std::string_view all = input.Rest();
  switch (input.Byte()) {
    case 0:
      CheckMessage(input.Rest());
      break;
    case 1:
      CheckOpenClip(input.Rest());
      break;
    default:
      CheckYaml(all);
  }
  return 0;
}
