#include "worker/train/tools.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/file_system.h"
#include "tests/testing/image_files.h"
#include "tests/testing/tar_writer.h"
#include "tests/testing/test_folder.h"
#include "tests/worker/data/fake_chunks.h"
#include "tests/worker/data/test_images.h"
#include "tests/worker/train/small_model.h"
#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/checkpoint/safetensors.h"

namespace keel {
namespace {

TEST(RunSelftestTest, ReportsErrorsWithinTheBounds) {
  std::ostringstream out;
  SelftestOptions options;
  options.device = "cpu";
  for (int i = 0; i < 4; ++i) {
    options.loss_files.push_back("tests/golden/modx_loss_" + std::to_string(i) +
                                 ".safetensors");
  }
  const absl::Status status = RunSelftest(options, out);
  EXPECT_TRUE(status.ok()) << status << out.str();
  const auto report = nlohmann::json::parse(out.str());
  EXPECT_EQ(report["loss"].size(), 4u * 6);
  EXPECT_EQ(report["loss"][2]["path"], "dense");
  EXPECT_EQ(report["loss"][3]["path"], "tiled");
  EXPECT_EQ(report["loss"][5]["world"], 3);
  EXPECT_NE(report["note"].get<std::string>().find("no collective"),
            std::string::npos);
  EXPECT_LT(report["loss"][0]["errors"]["grad_image"], 1e-5);
}

TEST(RunSelftestTest, FailsWhenAnExpectedValueIsOff) {
  auto file = ReadSafetensors("tests/golden/modx_loss_0.safetensors");
  ASSERT_TRUE(file.ok());
  for (NamedTensor& t : file->tensors) {
    if (t.name == "grad_text") t.tensor = t.tensor * 1.0001;
  }
  const TestFolder folder;
  const std::string path = folder.Path("off.safetensors");
  ASSERT_TRUE(WriteSafetensors(path, file->tensors, file->metadata).ok());
  std::ostringstream out;
  EXPECT_TRUE(absl::IsFailedPrecondition(
      RunSelftest({.loss_files = {path}, .device = "cpu"}, out)));
  EXPECT_FALSE(nlohmann::json::parse(out.str())["ok"]);
}

TEST(RunSelftestTest, RefusesToTestNothing) {
  std::ostringstream out;
  EXPECT_TRUE(absl::IsInvalidArgument(RunSelftest({.device = "cpu"}, out)));
  EXPECT_EQ(out.str(), "");
}

TEST(RunSelftestTest, NamesAFileThatIsMissing) {
  std::ostringstream out;
  const absl::Status status =
      RunSelftest({.loss_files = {"/nonexistent"}, .device = "cpu"}, out);
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
}

class EmbedShardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/embed" + std::to_string(getpid()) +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(folder_);
    ASSERT_TRUE(
        WriteCheckpoint(folder_ + "/model", SmallModel(1), ManifestInfo{})
            .ok());
    options_ = {.checkpoint = folder_ + "/model",
                .shard = folder_ + "/shard.tar",
                .out = folder_ + "/out.safetensors",
                .device = "cpu"};
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void WriteShard(int samples) {
    // The pictures' bytes stand where the fake chunks have them.
    FakeChunks chunks;
    const auto lists = FillWithPictures(chunks, samples);
    testing::TarWriter tar;
    for (const SampleRef& sample : lists[0].samples) {
      const auto bytes = [&](int64_t offset, int64_t size) {
        return *chunks.Read(lists[0].chunk_digest, offset, size);
      };
      tar.Add(sample.key + ".png",
              bytes(sample.image_offset, sample.image_size_bytes));
      const CaptionRef& caption = sample.captions[0];
      tar.Add(sample.key + ".txt", bytes(caption.offset, caption.size_bytes));
    }
    ASSERT_TRUE(WriteFileAtomically(options_.shard, tar.Finish()).ok());
  }

  std::string folder_;
  EmbedOptions options_;
  std::ostringstream notes_;
};

TEST_F(EmbedShardTest, WritesUnitEmbeddingsInTarOrder) {
  WriteShard(70);
  const absl::Status status = EmbedShard(options_, notes_);
  ASSERT_TRUE(status.ok()) << status;
  auto file = ReadSafetensors(options_.out);
  ASSERT_TRUE(file.ok()) << file.status();
  const at::Tensor image = *file->Find("image");
  EXPECT_EQ(image.sizes(), at::IntArrayRef({70, 16}));
  EXPECT_EQ(file->Find("text")->sizes(), at::IntArrayRef({70, 16}));
  EXPECT_TRUE(at::allclose(image.norm(2, {1}), at::ones({70})));
  const auto keys = nlohmann::json::parse(file->metadata.at("keys"));
  ASSERT_EQ(keys.size(), 70u);
  EXPECT_EQ(keys[0], "s0");
  EXPECT_EQ(keys[69], "s69");
  EXPECT_EQ(notes_.str(), "");
}

TEST_F(EmbedShardTest, SaysWhatItLeavesOut) {
  const std::string picture = testing::PngFile(8, 8);
  const std::string shard = testing::TarWriter()
                                .Add("a.png", picture)
                                .Add("a.txt", std::string(64 << 10, 'a'))
                                .Add("b.png", picture)
                                .Add("b.txt", std::string((64 << 10) + 1, 'b'))
                                .Add("c.png", picture)
                                .Finish();
  ASSERT_TRUE(WriteFileAtomically(options_.shard, shard).ok());
  EmbedShard(options_, notes_).IgnoreError();
  const std::string notes = notes_.str();
  for (const char* note :
       {"left out: 1 by CAPTION_TOO_LONG: a caption in entry \"b.txt\"",
        "left out: 1 by CAPTION_MISSING", "left out: 1 by IMAGE_DECODE"}) {
    EXPECT_NE(notes.find(note), std::string::npos) << notes;
  }
}

TEST_F(EmbedShardTest, NamesAShardThatIsNoTar) {
  ASSERT_TRUE(WriteFileAtomically(options_.shard, std::string(2000, 'x')).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(EmbedShard(options_, notes_)));
}

TEST_F(EmbedShardTest, SaysThatACheckpointIsMissing) {
  WriteShard(1);
  options_.checkpoint = folder_ + "/nowhere";
  EXPECT_TRUE(absl::IsNotFound(EmbedShard(options_, notes_)));
}

// The shards' captions are labels. Pictures of a class are much alike.
class EvaluateShardTest : public EmbedShardTest {
 protected:
  void SetUp() override {
    EmbedShardTest::SetUp();
    eval_ = {.checkpoint = options_.checkpoint,
             .shard = options_.shard,
             .device = "cpu"};
  }

  std::string Labelled(const std::string& name, int samples, int classes) {
    testing::TarWriter tar;
    for (int i = 0; i < samples; ++i) {
      const std::string key = "s" + std::to_string(i);
      tar.Add(key + ".png",
              PngOf(MakePicture(16, 16, 60 * (i % classes) + i / classes)));
      tar.Add(key + ".txt", "class " + std::to_string(i % classes));
    }
    return File(name, tar.Finish());
  }
  std::string File(const std::string& name, const std::string& bytes) {
    const std::string path = folder_ + "/" + name;
    EXPECT_TRUE(WriteFileAtomically(path, bytes).ok());
    return path;
  }
  absl::Status Run() {
    std::ostringstream out;
    const absl::Status status = EvaluateShard(eval_, out, notes_);
    if (status.ok()) result_ = nlohmann::json::parse(out.str());
    return status;
  }
  void ExpectRefused(const std::string& text) {
    const absl::Status status = Run();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_NE(status.message().find(text), std::string::npos) << status;
  }

  EvalOptions eval_;
  nlohmann::json result_;
};

TEST_F(EvaluateShardTest, MeasuresRetrievalOfEveryCaption) {
  testing::TarWriter tar;
  for (int i = 0; i < 12; ++i) {
    const std::string key = "s" + std::to_string(i);
    tar.Add(key + ".png", PngOf(MakePicture(20, 16, i)));
    tar.Add(key + ".json",
            "{\"captions\": [\"picture " + key + "\", \"the " + key + "\"]}");
  }
  File("shard.tar", tar.Finish());
  ASSERT_TRUE(Run().ok());
  const auto& retrieval = result_["retrieval"];
  EXPECT_EQ(retrieval["images"], 12);
  EXPECT_EQ(retrieval["captions"], 24);
  EXPECT_GE(retrieval["image_to_text"]["10"], retrieval["image_to_text"]["1"]);
  EXPECT_FALSE(result_.contains("zero_shot"));
}

// Recomputed from the embeddings that `embed` writes of prompts as captions.
TEST_F(EvaluateShardTest, ZeroShotIsWhatTheEmbeddingsGive) {
  eval_.shard = Labelled("shard.tar", 30, 3);
  eval_.classes = File("classes.txt", "class 0\nclass 1\nclass 2\n");
  eval_.templates = File("templates.txt", "a {}\n{} it is\n");
  ASSERT_TRUE(Run().ok());
  testing::TarWriter prompts;
  for (int i = 0; i < 6; ++i) {
    const std::string name = "class " + std::to_string(i / 2);
    const std::string key = "p" + std::to_string(i);
    prompts.Add(key + ".png", PngOf(MakePicture(20, 16, i)));
    prompts.Add(key + ".txt", i % 2 == 0 ? "a " + name : name + " it is");
  }
  const auto embed = [&](const std::string& shard) {
    options_.shard = shard;
    EXPECT_TRUE(EmbedShard(options_, notes_).ok());
    return *ReadSafetensors(options_.out);
  };
  const at::Tensor image = *embed(eval_.shard).Find("image");
  const at::Tensor text =
      *embed(File("prompts.tar", prompts.Finish())).Find("text");
  const at::Tensor mean = text.view({3, 2, 16}).mean(1);
  const at::Tensor best =
      at::matmul(image, (mean / mean.norm(2, {1}, true)).t()).argmax(1);
  const double top1 = best.eq(at::arange(30, at::kLong).remainder(3))
                          .to(at::kDouble)
                          .mean()
                          .item<double>();
  EXPECT_NEAR(result_["zero_shot"]["top1"], top1, 1e-12);
  EXPECT_EQ(result_["zero_shot"]["top5"], 1.0);
  EXPECT_EQ(result_["zero_shot"]["images"], 30);
  EXPECT_EQ(result_["zero_shot"]["templates"].size(), 2u);
}

TEST_F(EvaluateShardTest, ALinearProbeKnowsWhatItWasTrainedOn) {
  eval_.shard = eval_.linear_probe = Labelled("shard.tar", 12, 3);
  eval_.result = folder_ + "/result.json";
  std::ostringstream out;
  ASSERT_TRUE(EvaluateShard(eval_, out, notes_).ok());
  EXPECT_EQ(out.str(), "");
  const auto probe =
      nlohmann::json::parse(*ReadFile(eval_.result))["linear_probe"];
  EXPECT_EQ(probe["train_images"], 12);
  EXPECT_EQ(probe["classes"], 3);
  EXPECT_EQ(probe["top1"], 1.0);
  EXPECT_TRUE(probe["converged"]);
}

TEST_F(EvaluateShardTest, NamesWhatIsWrong) {
  eval_.shard = Labelled("shard.tar", 6, 3);
  eval_.templates = File("templates.txt", "a photo of\n");
  ExpectRefused("--templates needs --classes");
  eval_.classes = File("classes.txt", "\n");
  ExpectRefused("classes.txt: no class in it");
  File("classes.txt", "class 0\nclass 1\n");
  ExpectRefused("templates.txt:1: template \"a photo of\" has no {}");
  eval_.templates.clear();
  ExpectRefused("sample s2: \"class 2\" is none of the 2 classes");
  eval_.classes.clear();
  eval_.linear_probe = Labelled("train.tar", 4, 2);
  ExpectRefused("sample s2: \"class 2\" is none of the 2 classes");
  eval_.shard = folder_ + "/nowhere.tar";
  EXPECT_TRUE(absl::IsNotFound(Run()));
}

}  // namespace
}  // namespace keel
