#include "worker/checkpoint/tensor_names.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/testing/small_model.h"

namespace keel {
namespace {

using testing::SmallModel;
using testing::SmallResNet;

// The state of a model with other names, read back.
void ExpectReadsBack(
    const ModelConfig& config,
    const std::function<void(std::vector<NamedTensor>&)>& rename) {
  const ClipModel model = ClipModel::Random(config, 4);
  std::vector<NamedTensor> tensors = model.state();
  rename(tensors);
  auto read = ClipModel::FromTensors(config, WithOpenClipNames(tensors));
  ASSERT_TRUE(read.ok()) << read.status();
  const auto expected = model.state();
  const auto actual = read->state();
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(actual[i].name, expected[i].name);
    EXPECT_TRUE(at::equal(actual[i].tensor, expected[i].tensor));
  }
}

TEST(TensorNamesTest, KeepsOpenClipsOwn) {
  ExpectReadsBack(SmallResNet(), [](auto&) {});
}

TEST(TensorNamesTest, LeavesOutOpenAisSizes) {
  ExpectReadsBack(SmallResNet(), [](std::vector<NamedTensor>& tensors) {
    for (const char* name :
         {"input_resolution", "context_length", "vocab_size"}) {
      tensors.push_back({name, at::full({}, 7, at::kLong)});
    }
  });
}

TEST(TensorNamesTest, UnwrapsAModuleWithATextTowerOfItsOwn) {
  ExpectReadsBack(SmallModel(), [](std::vector<NamedTensor>& tensors) {
    for (NamedTensor& t : tensors) {
      const bool text =
          !t.name.starts_with("visual.") && t.name != "logit_scale";
      t.name = (text ? "module.text." : "module.") + t.name;
      if (t.tensor.dim() == 0) t.tensor = t.tensor.reshape({1});
    }
  });
}

TEST(TensorNamesTest, UnwrapsNothingThatIsWrappedInPart) {
  const auto tensors = WithOpenClipNames(
      {{"module.logit_scale", at::ones({})}, {"visual.proj", at::ones({2})}});
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_EQ(tensors[0].name, "module.logit_scale");
}

}  // namespace
}  // namespace keel
