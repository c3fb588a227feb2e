#include "worker/checkpoint/checkpoint_folder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/file_system.h"
#include "tests/testing/small_model.h"
#include "tests/testing/test_folder.h"
#include "worker/checkpoint/safetensors.h"

namespace keel {
namespace {

using testing::SmallModel;
using testing::SmallResNet;

class CheckpointFolderTest : public ::testing::Test {
 protected:
  std::string Folder(const std::string& name) const {
    return folder_.Path(name);
  }

 private:
  const TestFolder folder_;
};

TrainerState StateOf(const ClipModel& model) {
  TrainerState state;
  for (const NamedTensor& p : model.parameters()) {
    state.exp_avg.push_back(p.tensor * 2);
    state.exp_avg_sq.push_back(p.tensor * p.tensor);
  }
  state.optimizer_step = 17;
  state.phase_step = 19;
  return state;
}

std::vector<LocalFile> Without(std::vector<LocalFile> files,
                               const std::string& name) {
  std::erase_if(files, [&](const LocalFile& f) { return f.name == name; });
  return files;
}

void ExpectSameWeights(const ClipModel& a, const ClipModel& b) {
  ASSERT_EQ(a.parameters().size(), b.parameters().size());
  for (size_t i = 0; i < a.parameters().size(); ++i) {
    EXPECT_TRUE(at::equal(a.parameters()[i].tensor, b.parameters()[i].tensor))
        << a.parameters()[i].name;
  }
}

TEST_F(CheckpointFolderTest, KeepsTheFisherDiagonalBesideTheWeights) {
  const ClipModel model = ClipModel::Random(SmallModel(), 1);
  Fisher fisher;
  fisher.phase_count = 3;
  for (const NamedTensor& p : model.parameters()) {
    fisher.diagonal.push_back(p.tensor.detach() * 2);
  }
  auto files = WriteCheckpoint(Folder("fisher"), model, {}, nullptr, &fisher);
  ASSERT_TRUE(files.ok()) << files.status();
  const auto loaded = LoadFisher(*files, model);
  ASSERT_TRUE(loaded.ok() && loaded->has_value()) << loaded.status();
  EXPECT_EQ((*loaded)->phase_count, 3);
  for (size_t i = 0; i < fisher.diagonal.size(); ++i) {
    EXPECT_TRUE(at::equal((*loaded)->diagonal[i], fisher.diagonal[i]));
  }
  EXPECT_TRUE(LoadModel(*files).ok());
  auto without = WriteCheckpoint(Folder("no_fisher"), model, {});
  ASSERT_TRUE(without.ok()) << without.status();
  const auto none = LoadFisher(*without, model);
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_FALSE(none->has_value());
}

TEST_F(CheckpointFolderTest, LoadsTheVeryWeightsThatItWrote) {
  const ClipModel model = ClipModel::Random(SmallModel(), 1);
  auto files = WriteCheckpoint(Folder("round_trip"), model, {});
  ASSERT_TRUE(files.ok()) << files.status();
  ASSERT_EQ(files->size(), 3u);
  EXPECT_EQ(files->back().name, kManifestFile);
  auto loaded = LoadModel(*files);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ExpectSameWeights(*loaded, model);
  EXPECT_EQ(loaded->config().text.heads, SmallModel().text.heads);
}

TEST_F(CheckpointFolderTest, WritesTheSameBytesTwice) {
  const ClipModel model = ClipModel::Random(SmallModel(), 1);
  auto a = WriteCheckpoint(Folder("twice_a"), model, {});
  auto b = WriteCheckpoint(Folder("twice_b"), model, {});
  ASSERT_TRUE(a.ok() && b.ok());
  for (size_t i = 0; i < a->size(); ++i) {
    EXPECT_EQ(*ReadFile((*a)[i].path), *ReadFile((*b)[i].path)) << (*a)[i].name;
  }
}

TEST_F(CheckpointFolderTest, KeepsTheOptimizersStateInAResumePoint) {
  const ClipModel model = ClipModel::Random(SmallModel(), 1);
  const TrainerState state = StateOf(model);
  auto files = WriteCheckpoint(Folder("resume"), model, {}, &state);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->size(), 4u);
  auto loaded = LoadTrainerState(*files, model);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->optimizer_step, 17);
  EXPECT_EQ(loaded->phase_step, 19);
  for (size_t i = 0; i < state.exp_avg.size(); ++i) {
    EXPECT_TRUE(at::equal(loaded->exp_avg[i], state.exp_avg[i]));
    EXPECT_TRUE(at::equal(loaded->exp_avg_sq[i], state.exp_avg_sq[i]));
  }
  EXPECT_TRUE(LoadModel(*files).ok());
}

TEST_F(CheckpointFolderTest, HasNoStateInACheckpoint) {
  const ClipModel model = ClipModel::Random(SmallModel(), 1);
  auto files = WriteCheckpoint(Folder("no_state"), model, {});
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(LoadTrainerState(*files, model).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(CheckpointFolderTest, DetectsAFlippedByte) {
  const ClipModel model = ClipModel::Random(SmallModel(), 1);
  auto files = WriteCheckpoint(Folder("flipped"), model, {});
  ASSERT_TRUE(files.ok()) << files.status();
  std::string bytes = *ReadFile((*files)[0].path);
  bytes[bytes.size() - 2] ^= 1;
  ASSERT_TRUE(WriteFileAtomically((*files)[0].path, bytes).ok());
  const auto loaded = LoadModel(*files);
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(std::string(loaded.status().message()).find(kModelFile),
            std::string::npos);
}

TEST_F(CheckpointFolderTest, LoadsForeignWeightsWithAGivenArchitecture) {
  const ClipModel model = ClipModel::Random(SmallModel(), 1);
  const std::string path = Folder("foreign") + ".safetensors";
  ASSERT_TRUE(WriteSafetensors(path, model.parameters()).ok());
  const std::vector<LocalFile> files = {{"mine.safetensors", path}};
  EXPECT_EQ(LoadModel(files).status().code(), absl::StatusCode::kNotFound);
  auto loaded = LoadModel(files, at::kCPU, SmallModel());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ExpectSameWeights(*loaded, model);
}

TEST_F(CheckpointFolderTest, KeepsTheStatisticsOfAResNet) {
  const ClipModel model = ClipModel::Random(SmallResNet(), 1);
  model.Get("visual.bn2.running_var").fill_(0.3);
  model.Get("visual.bn2.num_batches_tracked").fill_(19);
  auto files = WriteCheckpoint(Folder("resnet"), model, {});
  ASSERT_TRUE(files.ok()) << files.status();
  auto loaded = LoadModel(*files, at::kCPU, SmallResNet());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ExpectSameWeights(*loaded, model);
  for (const NamedTensor& b : model.buffers()) {
    EXPECT_TRUE(at::equal(loaded->Get(b.name), b.tensor)) << b.name;
  }
}

// OpenAI's layout as PyTorch writes it from several GPUs, in 16 bits.
TEST_F(CheckpointFolderTest, WidensForeignWeightsOf16Bits) {
  const ClipModel model = ClipModel::Random(SmallResNet(), 1);
  for (const at::ScalarType type : {at::kHalf, at::kBFloat16}) {
    std::vector<NamedTensor> tensors = {
        {"module.input_resolution", at::full({}, 64, at::kLong)}};
    for (const NamedTensor& t : model.state()) {
      const bool counts = t.tensor.scalar_type() == at::kLong;
      tensors.push_back(
          {"module." + t.name, counts ? t.tensor : t.tensor.to(type)});
    }
    const std::string path = Folder("narrow") + ".safetensors";
    ASSERT_TRUE(WriteSafetensors(path, tensors).ok());
    auto loaded =
        LoadModel({{"narrow.safetensors", path}}, at::kCPU, SmallResNet());
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    for (const NamedTensor& p : model.parameters()) {
      const at::Tensor& read = loaded->Get(p.name);
      EXPECT_EQ(read.scalar_type(), at::kFloat);
      EXPECT_TRUE(at::equal(read, p.tensor.to(type).to(at::kFloat))) << p.name;
    }
  }
}

TEST_F(CheckpointFolderTest, RefusesAnArchitectureThatIsNotTheStreams) {
  const ClipModel model = ClipModel::Random(SmallModel(), 1);
  auto files = WriteCheckpoint(Folder("architecture"), model, {});
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_TRUE(LoadModel(*files, at::kCPU, SmallModel()).ok());
  ModelConfig stream = SmallModel();
  stream.text.layers = 3;
  const auto loaded = LoadModel(*files, at::kCPU, stream);
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      loaded.status().message(),
      "open_clip_config.json: text_cfg.layers is 2, the stream's model has 3");
}

TEST_F(CheckpointFolderTest, ADamagedManifestIsThisMachinesFault) {
  const ClipModel model = ClipModel::Random(SmallModel(), 1);
  auto files = WriteCheckpoint(Folder("manifest"), model, {});
  ASSERT_TRUE(files.ok()) << files.status();
  ASSERT_TRUE(WriteFileAtomically(files->back().path, "{\"files\": 1}").ok());
  const auto loaded = LoadModel(*files);
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(std::string(loaded.status().message()).find(kManifestFile),
            std::string::npos);
}

TEST_F(CheckpointFolderTest, NamesTheFileWhoseTensorsDoNotFit) {
  const ClipModel model = ClipModel::Random(SmallModel(), 1);
  auto files = WriteCheckpoint(Folder("misfit"), model, {});
  ASSERT_TRUE(files.ok()) << files.status();
  const auto loaded =
      LoadModel(Without(*files, kModelConfigFile), at::kCPU, ModelConfig());
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(loaded.status().message());
  EXPECT_NE(message.find(kModelFile), std::string::npos) << message;
  EXPECT_NE(message.find("visual.proj"), std::string::npos) << message;
}

TEST_F(CheckpointFolderTest, RefusesStateOfAnotherModel) {
  const ClipModel model = ClipModel::Random(SmallModel(), 1);
  const TrainerState state = StateOf(model);
  auto files = WriteCheckpoint(Folder("other_state"), model, {}, &state);
  ASSERT_TRUE(files.ok()) << files.status();
  ModelConfig other = SmallModel();
  other.embed_dim = 8;
  const auto loaded = LoadTrainerState(*files, ClipModel::Random(other, 1));
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(loaded.status().message()).find(kTrainerStateFile),
            std::string::npos);
}

TEST_F(CheckpointFolderTest, LeavesNoManifestOverAnUnfinishedWrite) {
  const std::string folder = Folder("unfinished");
  const ClipModel model = ClipModel::Random(SmallModel(), 1);
  ASSERT_TRUE(WriteCheckpoint(folder, model, {}).ok());
  // A folder in the place of the weights makes the second write fail.
  ASSERT_TRUE(RemoveFile(JoinPath(folder, kModelFile)).ok());
  ASSERT_TRUE(CreateDirectories(JoinPath(folder, kModelFile)).ok());
  EXPECT_FALSE(WriteCheckpoint(folder, model, {}).ok());
  EXPECT_FALSE(FileExists(JoinPath(folder, kManifestFile)));
}

}  // namespace
}  // namespace keel
