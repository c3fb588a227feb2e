#include "worker/train/teacher.h"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "tests/testing/member_threads.h"
#include "tests/worker/data/fake_chunks.h"
#include "tests/worker/train/small_model.h"
#include "worker/train/batch_tensors.h"

namespace keel {
namespace {

class TeacherTest : public ::testing::Test {
 protected:
  static ClipModel Frozen() { return ClipModel::Random(SmallModelConfig(), 3); }

  // Rows of the samples, in that order.
  LoadedRows Load(const std::vector<int64_t>& samples) {
    std::vector<RowRequest> requests;
    for (int64_t sample : samples) requests.push_back({sample, 0});
    return *loader_.Load(requests);
  }

  static Teacher::Features Embed(Teacher& teacher, const LoadedRows& rows,
                                 Communicator& group) {
    auto features = teacher.Embed(
        rows, ImageTensor(rows, SmallModelConfig(), at::kCPU), group);
    EXPECT_TRUE(features.ok()) << features.status();
    return *features;
  }

  FakeChunks chunks_;
  std::vector<SampleList> samples_ = FillWithPictures(chunks_, 80);
  Tokenizer tokenizer_;
  SampleLoader loader_{
      {.image_size = 16, .context_length = 12}, samples_, chunks_, tokenizer_};
  std::unique_ptr<Communicator> solo_ = MakeSoloCommunicator();
};

TEST_F(TeacherTest, AgreesWithTheModel) {
  c10::NoGradGuard no_grad;
  Teacher teacher(Frozen(), 1 << 20);
  const LoadedRows rows = Load({3, 1, 2});
  const auto features = Embed(teacher, rows, *solo_);
  const ClipModel model = Frozen();
  EXPECT_TRUE(at::allclose(
      features.image,
      model.EncodeImage(ImageTensor(rows, model.config(), at::kCPU)), 1e-5,
      1e-6));
  EXPECT_TRUE(at::allclose(
      features.text,
      model.EncodeText(TokenTensor(rows, model.config(), at::kCPU)), 1e-5,
      1e-6));
}

TEST_F(TeacherTest, BitsDependOnTheSampleAlone) {
  Teacher teacher(Frozen(), 0);
  std::vector<int64_t> all(80);
  for (int64_t i = 0; i < 80; ++i) all[i] = (i * 37) % 80;
  const auto batch = Embed(teacher, Load(all), *solo_);
  for (int64_t i : {0, 1, 31, 32, 63, 79}) {
    const auto alone = Embed(teacher, Load({all[i]}), *solo_);
    EXPECT_TRUE(alone.image[0].equal(batch.image[i])) << i;
    EXPECT_TRUE(alone.text[0].equal(batch.text[i])) << i;
  }
}

TEST_F(TeacherTest, RemembersWhatAnyMemberComputed) {
  std::vector<at::Tensor> first(2), second(2);
  testing::RunGroup(2, [&](Communicator& group) {
    Teacher teacher(Frozen(), 1 << 20);
    const int r = group.rank();
    const LoadedRows mine =
        Load(r == 0 ? std::vector<int64_t>{0, 1, 2} : std::vector<int64_t>{3});
    first[r] = Embed(teacher, mine, group).image;
    // What the other had, without a group: it has to be in the cache, and a
    // wrong picture shows that it is not computed.
    LoadedRows others =
        Load(r == 0 ? std::vector<int64_t>{3} : std::vector<int64_t>{0, 1, 2});
    std::fill(others.images.begin(), others.images.end(), 0);
    second[r] = Embed(teacher, others, group).image;
  });
  EXPECT_TRUE(second[0].equal(first[1]));
  EXPECT_TRUE(second[1].equal(first[0]));
}

// A teacher's cache is its own: that of another model is never asked.
TEST_F(TeacherTest, RemembersForNoOtherModel) {
  Teacher teacher(Frozen(), 1 << 20);
  Teacher other(ClipModel::Random(SmallModelConfig(), 4), 1 << 20);
  const LoadedRows rows = Load({3, 1});
  const auto first = Embed(teacher, rows, *solo_);
  const auto others = Embed(other, rows, *solo_);
  EXPECT_FALSE(first.image.equal(others.image));
  EXPECT_TRUE(Embed(teacher, rows, *solo_).image.equal(first.image));
  EXPECT_TRUE(Embed(other, rows, *solo_).text.equal(others.text));
}

TEST_F(TeacherTest, TakesAMemberWithoutRows) {
  testing::RunGroup(2, [&](Communicator& group) {
    Teacher teacher(Frozen(), 1 << 20);
    const LoadedRows mine = Load(group.rank() == 0 ? std::vector<int64_t>{4, 5}
                                                   : std::vector<int64_t>{});
    const auto features = Embed(teacher, mine, group);
    EXPECT_EQ(features.image.size(0), group.rank() == 0 ? 2 : 0);
  });
}

}  // namespace
}  // namespace keel
