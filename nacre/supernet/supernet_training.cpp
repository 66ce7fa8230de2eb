#include "nacre/supernet/supernet_training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <set>

#include "nacre/nn/batch_source.hpp"
#include "nacre/nn/losses.hpp"
#include "nacre/nn/register.hpp"
#include "nacre/nn/schedule.hpp"
#include "nacre/nn/teacher.hpp"
#include "nacre/nn/torch_compat.hpp"
#include "nacre/nn/torch_executor.hpp"
#include "nacre/nn/torch_types.hpp"
#include "nacre/nn/trained_evaluator.hpp"
#include "nacre/nn/trainer.hpp"
#include "nacre/supernet/architecture.hpp"
#include "nacre/supernet/batch_statistics.hpp"
#include "nacre/supernet/channel_order.hpp"
#include "nacre/supernet/channel_scales.hpp"
#include "nacre/supernet/expected_cost.hpp"
#include "nacre/supernet/network_choice.hpp"
#include "nacre/supernet/policies.hpp"
#include "nacre/supernet/sample_batches.hpp"
#include "nacre/supernet/shared_store.hpp"
#include "nacre/supernet/superkernels.hpp"
#include "nacre/supernet/update_rules.hpp"

namespace nacre {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double mean_of(double sum, int64_t count) { return count == 0 ? 0 : sum / static_cast<double>(count); }

}  // namespace

Json to_json(const SupernetEpoch& epoch) {
  Json json = {{"epoch", epoch.epoch},     {"weight_loss", epoch.weight_loss},
               {"entropy", epoch.entropy}, {"temperature", epoch.temperature},
               {"time_s", epoch.time_s},   {"probabilities", epoch.probabilities}};
  json["architecture_loss"] = epoch.architecture_loss ? Json(*epoch.architecture_loss) : Json();
  json["expected_cost"] = epoch.expected_cost ? Json(*epoch.expected_cost) : Json();
  return json;
}

Json to_json(const SupernetMemory& memory) {
  return {{"weights_bytes", memory.weights_bytes},
          {"optimizer_bytes", memory.optimizer_bytes},
          {"activation_bytes", memory.activation_bytes}};
}

namespace {

int64_t bytes_of(const Weights& weights) {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : weights.tensors) bytes += tensor.bytes();
  return bytes;
}

// Of the floating results of all nodes for one sample: the batch axis, which is not known, counts 1. Those that show another
// result's memory count nothing.
int64_t results_per_sample(const Graph& graph) {
  static const std::set<std::string> kViews = {"Slice", "Transpose", "Flatten", "Identity", "Squeeze", "Unsqueeze"};
  int64_t elements = 0;
  for (const Node& node : graph.nodes()) {
    if (kViews.contains(node.op)) continue;
    for (const ValueId output : node.outputs) {
      const Value& value = graph.value(output);
      if (!is_floating(value.type) || !value.shape) continue;
      int64_t product = 1;
      for (const Dim dim : *value.shape)
        if (dim.is_fixed()) product *= dim.extent();
      elements += product;
    }
  }
  return elements;
}

}  // namespace

class SupernetTraining::Impl {
 public:
  Impl(std::shared_ptr<const Space> space, std::shared_ptr<const Task> task, SupernetSettings settings,
       SupernetOptions options)
      : space_(std::move(space)),
        task_(std::move(task)),
        settings_((prepare_process(options.numerics), std::move(settings))),
        options_(std::move(options)),
        full_(build_supernet(*space_, settings_.form)),
        superkernels_(thresholds() ? std::make_unique<Superkernels>(*space_, settings_.form, full_) : nullptr),
        scales_(settings_.channel_scales ? std::make_unique<ChannelScales>(*space_, settings_.form, full_) : nullptr),
        store_(full_.graph, weights_form(), mix_seed(options_.seed, 0x77656967687473), options_.numerics),
        architecture_(learned_decisions(), architecture_form(), options_.seed, logits_options()),
        loss_(loss_registry().get(task_->loss().kind).make(settings_.recipe)),
        source_(*task_, Split::train, &settings_.recipe, 1, torch_device(options_.numerics.device)),
        inputs_(input_names_for(full_.graph, task_->signature())),
        output_(output_position_for(full_.graph, task_->loss())) {
    check();
    check_paths();
    auto [weights, architecture] = divided_samples(
        source_.size(),
        takes_turns() || settings_.update == ArchitectureUpdate::relaxed ? settings_.architecture_share : 0);
    weight_batches_ =
        std::make_unique<Batches>(source_, weights, settings_.recipe.batch_size, options_.seed, "weights");
    architecture_batches_ =
        std::make_unique<Batches>(source_, architecture, settings_.recipe.batch_size, options_.seed, "architecture");
    plan_phases();
    optimizer_ = make_optimizer(store_);
    if (scales_) store_.set_scales(scales_->rules());
    if (settings_.update == ArchitectureUpdate::relaxed) {
      second_ = std::make_unique<SharedStore>(full_.graph, weights_form(), mix_seed(options_.seed, 0x7365636f6e64),
                                              options_.numerics);
      second_->load(store_.weights());
      if (scales_) second_->set_scales(scales_->rules());
      second_optimizer_ = make_optimizer(*second_);
    }
    if (uses_whole()) executor_ = std::make_unique<TorchExecutor>(full_.graph, options_.numerics);
    if (superkernels_) check_slices();
    prepare_cost();
    if (options_.state != nullptr) resume(*options_.state);
  }

  Decisions largest_network() const {
    Decisions largest;
    for (const TraceDecision& decision : space_->trace().decisions()) {
      if (!decision.ordered) {
        throw UserError("decision '" + decision.key + "' of space '" + space_->name() +
                        "' has no order: there is no network of which all others are slices");
      }
      largest.set(decision.key, std::ranges::max_element(decision.numbers) - decision.numbers.begin());
    }
    Decisions complete;
    space_->build(largest, nullptr, &complete);
    return complete;
  }

  void run() {
    while (next_epoch_ * weight_batches_->per_epoch() < total_steps_) run_epoch();
  }

  const std::vector<OpenDecision>& open() const {
    return superkernels_ ? superkernels_->decisions() : architecture_.open();
  }
  std::vector<std::vector<double>> probabilities() const {
    return superkernels_ ? superkernels_->weights(store_, false) : architecture_.probabilities();
  }
  const std::vector<SupernetEpoch>& epochs() const { return epochs_; }
  int64_t parameter_count() const { return store_.parameter_count(); }
  SupernetMemory memory() const {
    SupernetMemory memory{bytes_of(store_.weights()), bytes_of(optimizer_->state()), activation_bytes_};
    if (second_) {
      memory.weights_bytes += bytes_of(second_->weights());
      memory.optimizer_bytes += bytes_of(second_optimizer_->state());
    }
    return memory;
  }

  Decisions best_network() const {
    return chosen(superkernels_ ? superkernels_->weights(store_, true) : probabilities(), nullptr);
  }

  Decisions sampled_network(Random& random) const { return chosen(probabilities(), &random); }

  std::optional<double> cost_of(const Decisions& decisions) const {
    if (!cost_) return std::nullopt;
    const Design design = space_->build(decisions);
    return metric_value(options_.target->cost(design, options_.deployment, {}).totals, cost_->metric());
  }

  Metrics evaluate(const Decisions& decisions, int64_t samples) {
    refuse_scales();
    return evaluate_network(calibrated(decisions, samples), *task_, Split::validation, options_.numerics);
  }

  Weights network_weights(const Decisions& decisions, int64_t samples) {
    refuse_scales();
    const Graph& network = calibrated(decisions, samples);
    const Graph alone = space_->build(decisions).graph();
    const Weights given = weights_of(network);
    std::vector<const Initializer*> from, to;
    for (const Initializer& one : network.initializers())
      if (is_floating(network.value(one.value).type)) from.push_back(&one);
    for (const Initializer& one : alone.initializers())
      if (is_floating(alone.value(one.value).type)) to.push_back(&one);
    bool alike = from.size() == to.size();
    for (size_t i = 0; i < from.size() && alike; ++i)
      alike = network.value(from[i]->value).shape == alone.value(to[i]->value).shape;
    if (!alike) {
      throw UserError(
          "the networks of this supernet are not those that stand alone (partial connections, batch-norm after pools): "
          "their weights cannot be taken over");
    }
    Weights weights;
    for (size_t i = 0; i < from.size(); ++i) {
      const Tensor* tensor = given.find(network.value(from[i]->value).name);
      if (tensor != nullptr) weights.tensors.emplace_back(alone.value(to[i]->value).name, *tensor);
    }
    return weights;
  }

  Weights state() const {
    Weights all = architecture_.state();
    const auto add = [&all](const std::string& prefix, const Weights& more) {
      for (const auto& [name, tensor] : more.tensors) all.tensors.emplace_back(prefix + name, tensor);
    };
    add("weights/", store_.weights());
    add("", optimizer_->state());
    if (second_) {
      add("second/weights/", second_->weights());
      add("second/", second_optimizer_->state());
    }
    Json record = Json::array();
    for (const SupernetEpoch& epoch : epochs_) record.push_back(to_json(epoch));
    all.metadata["epochs"] = record.dump();
    if (teacher_store_) add("teacher/", teacher_store_->weights());
    all.metadata["activation_bytes"] = std::to_string(activation_bytes_);
    all.metadata["architecture_step"] = std::to_string(architecture_step_);
    all.metadata["reinforce"] =
        Json({{"reference", reference_}, {"baseline", baseline_ ? Json(*baseline_) : Json()}}).dump();
    return all;
  }

 private:
  // --- settings
  SharedWeightsForm weights_form() const {
    return {settings_.nested_weights ? WeightLayout::nested : WeightLayout::separate, settings_.kernel_transforms,
            superkernels_ ? superkernels_->thresholds() : std::map<std::string, int64_t>()};
  }
  void refuse_scales() const {
    if (scales_)
      throw UserError("channels that scales leave are not the first ones: networks do not take over shared weights");
  }
  std::vector<OpenDecision> learned_decisions() const {
    if (thresholds()) return {};
    std::vector<OpenDecision> all = full_.open;
    if (scales_) all.insert(all.end(), scales_->decisions().begin(), scales_->decisions().end());
    return all;
  }
  bool thresholds() const { return settings_.weighting == kThreshold; }
  ArchitectureForm architecture_form() const {
    ArchitectureForm form;
    if (!thresholds()) form.weighting = weighting_from_name(settings_.weighting);
    form.optimizer = {settings_.architecture_rate, settings_.architecture_beta1, settings_.architecture_beta2,
                      settings_.architecture_decay};
    return form;
  }
  at::TensorOptions logits_options() const {
    return at::TensorOptions(storage_type(options_.numerics.arithmetic)).device(torch_device(options_.numerics.device));
  }
  bool learns() const { return settings_.update != ArchitectureUpdate::none; }
  bool uses_whole() const {
    return settings_.weight_paths == ActivePaths::all ||
           (learns() && settings_.update != ArchitectureUpdate::reinforce &&
            settings_.architecture_paths == ActivePaths::all);
  }
  void check() const {
    const bool draws = !learns() || settings_.weight_paths != ActivePaths::all ||
                       settings_.architecture_paths != ActivePaths::all ||
                       settings_.update == ArchitectureUpdate::reinforce;
    if (draws && std::ranges::any_of(open(), [](const auto& d) { return d.kind == OpenDecision::Kind::lattice; }))
      throw UserError("space '" + space_->name() +
                      "': paths of a lattice are found by their weights, all active; expected a method with "
                      "weight_paths: all and architecture_paths: all");
    if (thresholds() && (settings_.update != ArchitectureUpdate::single_level || !settings_.nested_weights))
      throw UserError("search.weighting threshold: thresholds learn with the weights; expected update: single_level");
    if (learns() && open().empty())
      throw UserError("space '" + space_->name() + "' has no open decision: there is no architecture to learn");
    if (scales_ && (thresholds() || settings_.weight_paths != ActivePaths::all ||
                    settings_.architecture_paths != ActivePaths::all || !full_.open.empty() ||
                    settings_.update == ArchitectureUpdate::reinforce || !learns()))
      throw UserError(
          "search.channel_scales: widths are learned in the largest network, by gradients; expected a space whose open "
          "decisions are numbers, weight_paths: all and architecture_paths: all");
    if (scales_ && settings_.cost_form != "none")
      throw UserError(
          "search.cost_form: with channel_scales what is kept is set by macs_share or scale_threshold; expected none");
    if (uses_whole() && settings_.nested_weights && !thresholds() && !scales_)
      throw UserError("nested weights serve one path at a time: alternatives of one layer are the same tensor");
    if (settings_.architecture_share < 0 || settings_.architecture_share >= 1)
      throw UserError("search.architecture_share: expected 0 .. below 1");
    const bool all = settings_.weight_paths == ActivePaths::all && settings_.architecture_paths == ActivePaths::all;
    const bool needs_all = settings_.update == ArchitectureUpdate::single_level ||
                           settings_.update == ArchitectureUpdate::second_order ||
                           settings_.update == ArchitectureUpdate::relaxed;
    if (needs_all && !all) {
      throw UserError(
          "search.update: single_level, second_order and relaxed differentiate the whole supernet; they need "
          "weight_paths: "
          "all and architecture_paths: all");
    }
    const bool two = learns() && settings_.update != ArchitectureUpdate::reinforce &&
                     settings_.architecture_paths == ActivePaths::two;
    if (two && settings_.weighting != "binary")
      throw UserError(
          "search.architecture_paths: two drawn alternatives are weighed by gates; expected weighting: binary");
    if (two && settings_.form.edge_weights)
      throw UserError("search.edge_weights: edges have no weights to learn with architecture_paths: two");
  }
  // Updates that take turns with the weights, on samples of their own.
  bool takes_turns() const {
    return settings_.update == ArchitectureUpdate::first_order ||
           settings_.update == ArchitectureUpdate::second_order || settings_.update == ArchitectureUpdate::reinforce;
  }
  // Paths can be drawn where every network's parameters are among the shared ones.
  void check_paths() {
    if (settings_.weight_paths == ActivePaths::all && settings_.architecture_paths == ActivePaths::all &&
        settings_.update != ArchitectureUpdate::reinforce)
      return;
    for (uint64_t i = 0; i < 32; ++i) {
      Random random = Random::stream(0, "path check", i);
      const Decisions decisions = space_->trace().sample(random);
      try {
        store_.network_weights(build_supernet(*space_, settings_.form, &decisions).graph);
      } catch (const UserError& error) {
        throw UserError("space '" + space_->name() + "' cannot draw networks from shared weights: " + error.what());
      }
    }
  }

  std::unique_ptr<Optimizer> make_optimizer(const SharedStore& store) const {
    return optimizer_registry().get(settings_.recipe.optimizer).make(store.trainable(), settings_.recipe);
  }

  void prepare_cost() {
    const CostTerm::Form form = cost_form_from_name(settings_.cost_form);
    if (form == CostTerm::Form::none || !learns()) return;
    if (options_.target == nullptr) throw UserError("search.cost_form: the cost term needs a target");
    if (settings_.update == ArchitectureUpdate::reinforce) {  // whole networks are costed
      reference_ = settings_.cost_reference;
      return;
    }
    const std::string metric =
        settings_.cost_metric.empty() ? options_.target->metrics().at(0).name : settings_.cost_metric;
    cost_ = superkernels_ ? std::make_unique<ExpectedCost>(*space_, settings_.form, full_, *options_.target,
                                                           options_.deployment, metric, settings_.cost_separable)
                          : std::make_unique<ExpectedCost>(full_, *options_.target, options_.deployment, metric);
    term_ = {form,
             settings_.cost_alpha,
             settings_.cost_beta,
             settings_.cost_lambda,
             settings_.cost_reference > 0 ? settings_.cost_reference : expected_cost(),
             settings_.cost_unit > 0                        ? settings_.cost_unit
             : cost_->unit() == "s" || cost_->unit() == "J" ? 1e-6
                                                            : 1};
    if (form == CostTerm::Form::relative_log && term_.reference <= term_.unit)
      throw UserError(fmt::format("search.cost_reference {:g} is not above cost_unit {:g}: its logarithm is no measure",
                                  term_.reference, term_.unit));
  }
  double expected_cost() const {
    return cost_->value(open(), superkernels_ ? superkernels_->weights(store_, true) : probabilities());
  }
  // Networks that are gated must be those that are cut out: not so where something but a layer reads the channels.
  void check_slices() {
    const at::NoGradGuard no_grad;
    const TorchBatch batch = weight_batches_->load(0);
    std::vector<at::Tensor> inputs;
    for (const std::string& name : inputs_)
      inputs.push_back(batch.at(name).narrow(0, 0, std::min<int64_t>(2, batch.at(name).size(0))));
    for (uint64_t i = 0; i < 3; ++i) {
      Random random = Random::stream(0, "slice check", i);
      const Decisions decisions = space_->trace().sample(random);
      superkernels_->force(store_, decisions);
      const at::Tensor gated = executor_->run(inputs, store_, {})[output_].to(at::kDouble);
      store_.set_masks({});
      const Supernet network = build_supernet(*space_, settings_.form, &decisions);
      const at::Tensor cut =
          TorchExecutor(network.graph, options_.numerics).run(inputs, store_, {})[output_].to(at::kDouble);
      const double difference = at::max(at::abs(gated - cut)).item<double>();
      if (!(difference <= 1e-3 * (1 + at::max(at::abs(cut)).item<double>())))
        throw UserError(fmt::format(
            "search.weighting threshold: networks of space '{}' cannot be gated in its largest one: outputs of '{}' "
            "differ by {:.3g}",
            space_->name(), space_->trace().text(decisions), difference));
    }
  }

  // --- phases
  // A phase as it is run: steps, rates, and how many alternatives of each decision may be drawn.
  struct Phase {
    SupernetPhase plan;
    int64_t first = 0, steps = 0;
    std::unique_ptr<Schedule> schedule;
  };

  void plan_phases() {
    std::vector<SupernetPhase> plans = settings_.phases;
    if (plans.empty()) plans.push_back({.epochs = settings_.recipe.epochs, .largest = {}});
    if (plans.size() > 1 && (settings_.weight_paths != ActivePaths::one || learns()))
      throw UserError("phases are for supernets that draw paths and learn no architecture");
    const int64_t per_epoch = weight_batches_->per_epoch();
    for (const SupernetPhase& plan : plans) {
      Phase phase{.plan = plan, .first = total_steps_};
      phase.steps = plans.size() == 1 ? std::max<int64_t>(1, std::llround(plan.epochs * static_cast<double>(per_epoch)))
                                      : std::max<int64_t>(1, std::llround(plan.epochs)) * per_epoch;
      Recipe recipe = settings_.recipe;
      recipe.learning_rate *= plan.rate_factor;
      phase.schedule = std::make_unique<Schedule>(recipe, per_epoch, phase.steps);
      total_steps_ += phase.steps;
      phases_.push_back(std::move(phase));
    }
  }

  const Phase& phase_at(int64_t step) const {
    const Phase* current = &phases_.front();
    for (const Phase& phase : phases_)
      if (phase.first <= step) current = &phase;
    return *current;
  }

  double rate_at(int64_t step) const {
    const Phase& phase = phase_at(step);
    return phase.schedule->rate(step - phase.first);
  }

  // Called before the first step of a phase but the first one.
  void begin_phase(const Phase& phase) {
    if (settings_.distillation > 0 && !teacher_) remember_teacher(store_.network_weights(largest_graph()));
    if (phase.plan.sort_channels) sort_channels();
    optimizer_ = make_optimizer(store_);
  }

  Graph largest_graph() const {
    const Decisions largest = largest_network();
    return build_supernet(*space_, settings_.form, &largest).graph;
  }

  void sort_channels() {
    Graph largest = largest_graph();
    Weights own;
    own.tensors = store_.network_weights(largest);
    apply_weights(largest, own);
    Weights all = store_.weights();
    for (auto& [name, tensor] : sorted_channels(largest).tensors) {
      const std::string kept = plain_parameter_name(name);
      for (auto& [known, value] : all.tensors)
        if (known == kept) value = tensor;
    }
    store_.load(all);
  }

  // The largest network as it is now, for others to imitate.
  void remember_teacher(const std::vector<std::pair<std::string, Tensor>>& values) {
    Graph largest = largest_graph();
    Weights weights;
    weights.tensors = values;
    apply_weights(largest, weights);
    teacher_ = std::make_unique<TorchExecutor>(largest, options_.numerics);
    teacher_store_ = std::make_unique<PlainStore>(largest, 0, options_.numerics);
  }

  // --- one epoch
  void run_epoch() {
    const Clock::time_point start = Clock::now();
    const int64_t per_epoch = weight_batches_->per_epoch();
    const int64_t first = next_epoch_ * per_epoch, end = std::min(first + per_epoch, total_steps_);
    const bool learns_now = learns() && static_cast<double>(next_epoch_) >= settings_.architecture_from;
    temperature_ = settings_.temperature * std::pow(settings_.temperature_decay, static_cast<double>(next_epoch_));
    SupernetEpoch epoch{.epoch = next_epoch_ + 1, .probabilities = {}};
    double architecture_sum = 0;
    int64_t architecture_count = 0;
    const auto architecture_step = [&](int64_t weight_step) {
      architecture_sum += update_architecture(architecture_step_++, weight_step);
      ++architecture_count;
    };
    double weight_sum = 0;
    for (int64_t step = first; step < end; ++step) {
      if (options_.interrupted()) throw Interrupted();
      if (const Phase& phase = phase_at(step); step == phase.first && step > 0) begin_phase(phase);
      if (learns_now && takes_turns() && !settings_.by_epoch && step % settings_.every == 0) architecture_step(step);
      const double loss = update_weights(step, learns_now);
      if (!std::isfinite(loss)) {
        throw UserError(
            fmt::format("the supernet diverged: its loss is not finite at step {} of {} (learning rate {:g})", step + 1,
                        total_steps_, rate_at(step)));
      }
      weight_sum += loss;
    }
    if (learns_now && takes_turns() && settings_.by_epoch) {
      const int64_t count = std::max<int64_t>(1, architecture_batches_->per_epoch() / settings_.every);
      for (int64_t i = 0; i < count; ++i) {
        if (options_.interrupted()) throw Interrupted();
        architecture_step(end - 1);
      }
    }
    ++next_epoch_;
    epoch.weight_loss = mean_of(weight_sum, end - first);
    if (architecture_count > 0) epoch.architecture_loss = mean_of(architecture_sum, architecture_count);
    if (cost_) epoch.expected_cost = expected_cost();
    epoch.entropy = scales_ ? 0 : mean_entropy(probabilities());
    epoch.temperature = temperature_;
    epoch.time_s = seconds_since(start);
    epoch.probabilities = probabilities();
    epochs_.push_back(epoch);
    options_.report(epochs_.back(), [this] { return state(); });
  }

  // --- networks
  // The loss of what is active by `store`, with a graph of gradients.
  at::Tensor loss_of(const TorchExecutor& executor, ParameterStore& store, const TorchBatch& batch,
                     bool update_statistics, uint64_t stream, at::Tensor* prediction = nullptr) {
    RunMode mode{.training = true};
    mode.update_statistics = update_statistics;
    at::Generator generator = make_generator(options_.numerics.device);
    generator.set_current_seed(mix_seed(options_.seed, stream));
    mode.generator = generator;
    std::vector<at::Tensor> inputs;
    for (const std::string& name : inputs_) inputs.push_back(batch.at(name));
    const int64_t bytes =
        results_per_sample(executor.graph()) * inputs.at(0).size(0) * static_cast<int64_t>(inputs.at(0).element_size());
    if (at::GradMode::is_enabled()) activation_bytes_ = std::max(activation_bytes_, bytes);
    const std::vector<at::Tensor> outputs = executor.run(inputs, store, mode);
    if (prediction != nullptr) *prediction = outputs[output_];
    return loss_->value(outputs[output_], batch.at(task_->loss().target));
  }

  // Alternatives drawn per decision: open ones by the architecture (without "none") or with equal chances, other numbers with equal
  // chances; of what has an order only as many of the largest as the phase allows.
  Decisions drawn_path(Random& random, bool by_architecture, const SupernetPhase& phase) const {
    const std::vector<std::vector<double>> p = probabilities();
    Decisions path;
    for (size_t i = 0; i < open().size(); ++i) {
      const OpenDecision& decision = open()[i];
      std::vector<double> weights = by_architecture ? p[i] : std::vector<double>(p[i].size(), 1.0);
      if (decision.kind == OpenDecision::Kind::edges) {
        const std::vector<int64_t> kept = drawn_subset(weights, decision.kept, random);
        path.set(decision.key, subset_rank(static_cast<int64_t>(weights.size()), kept));
        continue;
      }
      if (decision.kind == OpenDecision::Kind::depth && !by_architecture) continue;  // has an order
      if (decision.has_zero) weights[0] = 0;
      const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
      for (double& weight : weights) weight /= sum;
      path.set(decision.key, draw_index(weights, random) - (decision.has_zero ? 1 : 0));
    }
    draw_numbers(path, random, phase);
    return path;
  }

  void draw_numbers(Decisions& path, Random& random, const SupernetPhase& phase) const {
    for (const TraceDecision& decision : space_->trace().decisions()) {
      if (path.find(decision.key) != nullptr || !decision.ordered || decision.kind == DecisionKind::real) continue;
      std::vector<int64_t> order(decision.numbers.size());
      std::iota(order.begin(), order.end(), int64_t{0});
      std::ranges::sort(order, std::greater<>(), [&](int64_t k) { return decision.numbers[static_cast<size_t>(k)]; });
      const auto limit = phase.largest.find(last_word(decision.key));
      const auto allowed =
          limit == phase.largest.end() ? order.size() : std::min(order.size(), static_cast<size_t>(limit->second));
      path.set(decision.key, order[random.below(allowed)]);
    }
  }

  at::Tensor path_loss(SharedStore& store, const TorchBatch& batch, Random& random, bool by_architecture,
                       const Phase& phase, const at::Tensor& wanted, uint64_t stream) {
    const Decisions path = drawn_path(random, by_architecture, phase.plan);
    const Supernet network = build_supernet(*space_, settings_.form, &path);
    const TorchExecutor executor(network.graph, options_.numerics);
    at::Tensor prediction;
    const at::Tensor loss = loss_of(executor, store, batch, true, stream, &prediction);
    if (!wanted.defined()) return loss;
    return loss + loss_->distillation(prediction, wanted, 1.0) * settings_.distillation;
  }

  // What the teacher says of a batch, in the way it was trained: by the statistics of the batch.
  at::Tensor teacher_prediction(const TorchBatch& batch, uint64_t stream) {
    if (!teacher_) return {};
    const at::NoGradGuard no_grad;
    at::Tensor prediction;
    loss_of(*teacher_, *teacher_store_, batch, false, stream, &prediction);
    return prediction;
  }

  // --- weights
  double update_weights(int64_t step, bool learns_now) {
    const TorchBatch batch = weight_batches_->load(step);
    const double rate = rate_at(step);
    if (settings_.update == ArchitectureUpdate::relaxed) return relaxed_step(batch, step, rate, learns_now);
    Random random = Random::stream(options_.seed, "weight step", static_cast<uint64_t>(step));
    const bool joint = learns_now && settings_.update == ArchitectureUpdate::single_level;
    store_.begin_step();
    if (superkernels_) return threshold_step(batch, random, learns_now, step, rate);
    if (settings_.weight_paths == ActivePaths::one && !joint) return drawn_step(batch, random, learns_now, step, rate);
    at::Tensor loss;
    if (settings_.weight_paths == ActivePaths::one) {
      loss = path_loss(store_, batch, random, learns_now, phase_at(step), {}, stream_of(1, step));
    } else {
      store_.set_mixture(architecture_.mixture(random, temperature_, joint));
      loss = loss_of(*executor_, store_, batch, true, stream_of(1, step));
    }
    Gradients gradients;
    if (joint) {
      const at::Tensor whole = with_cost(loss);
      gradients = joint_gradients(store_, whole);
    } else {
      gradients = store_.gradients(loss);
    }
    apply(store_, *optimizer_, gradients, rate);
    return loss.item<double>();
  }

  // Weights and thresholds by one loss and one optimizer.
  double threshold_step(const TorchBatch& batch, Random& random, bool learns_now, int64_t step, double rate) {
    const MixWeights used = superkernels_->gate(store_, learns_now ? 1.0 : settings_.indicator_keep, random);
    const at::Tensor loss = loss_of(*executor_, store_, batch, true, stream_of(1, step));
    at::Tensor whole = loss;
    if (cost_ && learns_now) whole = loss_with_cost(loss, cost_->value(used).to(loss.scalar_type()), term_);
    store_.set_masks({});
    apply(store_, *optimizer_, store_.gradients(whole), rate);
    return loss.item<double>();
  }

  // As many drawn networks as the phase says, their gradients added.
  double drawn_step(const TorchBatch& batch, Random& random, bool learns_now, int64_t step, double rate) {
    const Phase& phase = phase_at(step);
    const at::Tensor wanted = teacher_prediction(batch, stream_of(7, step));
    Gradients gradients;
    double sum = 0;
    for (int64_t i = 0; i < phase.plan.networks_per_step; ++i) {
      const at::Tensor loss = path_loss(store_, batch, random, learns_now, phase, wanted,
                                        mix_seed(stream_of(1, step), static_cast<uint64_t>(i)));
      sum += loss.item<double>();
      store_.accumulate(gradients, store_.gradients(loss));
    }
    apply(store_, *optimizer_, gradients, rate);
    return sum / static_cast<double>(phase.plan.networks_per_step);
  }

  void apply(SharedStore& store, Optimizer& optimizer, const Gradients& gradients, double rate) const {
    double scale = 1;
    if (settings_.recipe.gradient_clip > 0)
      scale = std::min(1.0, settings_.recipe.gradient_clip / (gradient_norm(gradients) + 1e-6));
    optimizer.step(gradients, rate, scale, store.regions());
  }

  // Of weights and architecture by one loss; the architecture's are applied.
  Gradients joint_gradients(SharedStore& store, const at::Tensor& loss) {
    std::vector<at::Tensor> leaves = store.trainable().tensors;
    const size_t weights = leaves.size();
    leaves.insert(leaves.end(), architecture_.logits().begin(), architecture_.logits().end());
    Gradients all = torch::autograd::grad({loss}, leaves, {}, false, false, true);
    architecture_.step({all.begin() + static_cast<std::ptrdiff_t>(weights), all.end()});
    all.resize(weights);
    return all;
  }

  static uint64_t stream_of(uint64_t purpose, int64_t step) { return mix_seed(purpose, static_cast<uint64_t>(step)); }

  // --- architecture
  at::Tensor with_cost(const at::Tensor& loss) const {
    if (scales_) {
      at::Tensor sum = at::zeros({}, loss.options().requires_grad(false));
      for (const at::Tensor& scales : architecture_.logits()) sum = sum + at::sum(at::abs(scales));
      return loss + sum * settings_.scale_sparsity;
    }
    if (!cost_) return loss;
    Random unused(0);
    MixWeights probabilities;
    for (size_t i = 0; i < open().size(); ++i)
      probabilities[open()[i].key] = cost_weights_.contains(open()[i].key) ? cost_weights_.find(open()[i].key)->second
                                                                           : at::softmax(architecture_.logits()[i], 0);
    return loss_with_cost(loss, cost_->value(probabilities).to(loss.scalar_type()), term_);
  }

  Gradients logit_gradients(const at::Tensor& loss) const {
    return torch::autograd::grad({loss}, architecture_.logits(), {}, false, false, true);
  }

  // Returns the loss without the cost term.
  double update_architecture(int64_t step, int64_t weight_step) {
    const TorchBatch batch = architecture_batches_->load(step);
    Random random = Random::stream(options_.seed, "architecture step", static_cast<uint64_t>(step));
    if (settings_.update == ArchitectureUpdate::reinforce) return reinforce_step(batch, random, step);
    if (settings_.architecture_paths == ActivePaths::two) return two_path_step(batch, random, step);
    if (settings_.update == ArchitectureUpdate::second_order) return second_order_step(batch, step, weight_step);
    const MixWeights mixture = architecture_.mixture(random, temperature_, true);
    store_.set_mixture(mixture);
    // FBNet costs the network by the same sample as it is run with.
    if (settings_.weighting.starts_with("gumbel")) cost_weights_ = mixture;
    const at::Tensor loss = loss_of(*executor_, store_, batch, false, stream_of(2, step));
    architecture_.step(logit_gradients(with_cost(loss)));
    cost_weights_.clear();
    return loss.item<double>();
  }

  // Networks drawn from the distribution are rewarded for what they predict right and cost; nothing is differentiated.
  double reinforce_step(const TorchBatch& batch, Random& random, int64_t step) {
    std::vector<std::vector<int64_t>> drawn;
    std::vector<double> rewards, costs;
    double losses = 0;
    const at::NoGradGuard no_grad;
    for (int64_t b = 0; b < settings_.reinforce_samples; ++b) {
      const Decisions path = drawn_path(random, true, {.largest = {}});
      const auto [loss, reward] = rewarded(path, batch, mix_seed(stream_of(2, step), static_cast<uint64_t>(b)));
      losses += loss;
      rewards.push_back(reward);
      drawn.emplace_back();
      for (const OpenDecision& decision : open()) {
        const bool is_sum = decision.kind == OpenDecision::Kind::edges;
        drawn.back().push_back(is_sum ? -1 : *path.find(decision.key) + (decision.has_zero ? 1 : 0));
      }
      if (settings_.cost_form != "none") costs.push_back(cost_of_path(path));
    }
    const auto count = static_cast<double>(settings_.reinforce_samples);
    if (!costs.empty()) {
      if (reference_ <= 0) reference_ = std::accumulate(costs.begin(), costs.end(), 0.0) / count;
      for (size_t b = 0; b < costs.size(); ++b)
        rewards[b] *= std::pow(reference_ / costs[b], settings_.reward_exponent);
    }
    const double mean = std::accumulate(rewards.begin(), rewards.end(), 0.0) / count;
    baseline_ = baseline_ ? *baseline_ + 0.99 * (mean - *baseline_) : mean;
    Gradients gradients;
    for (const std::vector<double>& one : reinforce_gradients(probabilities(), drawn, rewards, *baseline_))
      gradients.push_back(at::tensor(one, at::TensorOptions(at::kDouble)).to(logits_options()));
    for (size_t i = 0; i < gradients.size(); ++i)
      if (open()[i].kind == OpenDecision::Kind::edges) gradients[i] = at::Tensor();
    architecture_.step(gradients);
    return losses / count;
  }

  // Loss and reward of one network on a batch: the share of right classes, or minus the loss where there are none.
  std::pair<double, double> rewarded(const Decisions& path, const TorchBatch& batch, uint64_t stream) {
    const Supernet network = build_supernet(*space_, settings_.form, &path);
    at::Tensor prediction;
    const double loss =
        loss_of(TorchExecutor(network.graph, options_.numerics), store_, batch, false, stream, &prediction)
            .item<double>();
    if (task_->loss().kind != "cross_entropy") return {loss, -loss};
    const at::Tensor right = at::eq(at::argmax(prediction, 1), batch.at(task_->loss().target));
    return {loss, at::mean(right.to(at::kDouble)).item<double>()};
  }

  double cost_of_path(const Decisions& path) const {
    const std::string metric =
        settings_.cost_metric.empty() ? options_.target->metrics().at(0).name : settings_.cost_metric;
    const Design design = space_->build(path);
    const auto cost = metric_value(options_.target->cost(design, options_.deployment, {}).totals, metric);
    if (!cost || *cost <= 0) throw UserError("target '" + options_.target->name() + "' gives a network no " + metric);
    return *cost;
  }

  // Two alternatives per decision, one of them active; their common probability stays as it was.
  double two_path_step(const TorchBatch& batch, Random& random, int64_t step) {
    const std::vector<std::vector<double>> p = probabilities();
    ActiveAlternatives active;
    MixWeights mixture;
    std::vector<std::vector<int64_t>> pairs(open().size());
    for (size_t i = 0; i < open().size(); ++i) {
      const OpenDecision& decision = open()[i];
      if (decision.kind == OpenDecision::Kind::edges || p[i].size() < 2) continue;
      std::vector<double> weights = p[i];
      if (decision.has_zero) weights[0] = 0;
      pairs[i] = drawn_subset(weights, 2, random);
      const at::Tensor logits = architecture_.logits()[i];
      const at::Tensor pair = at::softmax(
          at::index_select(logits, 0, at::tensor(pairs[i], at::TensorOptions(at::kLong)).to(logits.device())), 0);
      const at::Tensor values = pair.detach().to(at::kCPU, at::kDouble).contiguous();
      const int64_t on = draw_index({values.data_ptr<double>()[0], values.data_ptr<double>()[1]}, random);
      at::Tensor gates = pair - pair.detach();
      gates = gates + at::one_hot(at::tensor({on}, at::TensorOptions(at::kLong)), 2)
                          .squeeze(0)
                          .to(gates.options().requires_grad(false));
      at::Tensor all = at::zeros_like(logits, at::TensorOptions().requires_grad(false));
      all = all.index_add(0, at::tensor(pairs[i], at::TensorOptions(at::kLong)).to(logits.device()), gates);
      mixture[decision.key] = all;
      cost_weights_[decision.key] =
          all - all.detach() +
          at::zeros_like(logits, at::TensorOptions().requires_grad(false))
              .index_add(0, at::tensor(pairs[i], at::TensorOptions(at::kLong)).to(logits.device()), pair.detach());
      for (const int64_t position : pairs[i]) active[decision.key].push_back(position - (decision.has_zero ? 1 : 0));
    }
    Decisions numbers;
    draw_numbers(numbers, random, {.largest = {}});
    const Supernet network = build_supernet(*space_, settings_.form, &numbers, &active);
    const TorchExecutor executor(network.graph, options_.numerics);
    store_.set_mixture(mixture);
    const at::Tensor loss = loss_of(executor, store_, batch, false, stream_of(2, step));
    const Gradients gradients = logit_gradients(with_cost(loss));
    cost_weights_.clear();
    std::vector<at::Tensor> before;
    for (const at::Tensor& logits : architecture_.logits()) before.push_back(logits.detach().clone());
    architecture_.step(gradients);
    keep_pair_mass(pairs, before);
    return loss.item<double>();
  }

  // Logits outside of the pair are as before, and those of the pair shifted so that exp sums to what it did.
  void keep_pair_mass(const std::vector<std::vector<int64_t>>& pairs, const std::vector<at::Tensor>& before) const {
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < pairs.size(); ++i) {
      if (pairs[i].empty()) continue;
      at::Tensor logits = architecture_.logits()[i].detach();
      const at::Tensor index = at::tensor(pairs[i], at::TensorOptions(at::kLong)).to(logits.device());
      const at::Tensor now = at::index_select(logits, 0, index), then = at::index_select(before[i], 0, index);
      const at::Tensor shifted = now - (at::logsumexp(now, {0}) - at::logsumexp(then, {0}));
      logits.copy_(before[i].index_copy(0, index, shifted));
    }
  }

  double second_order_step(const TorchBatch& batch, int64_t step, int64_t weight_step) {
    const TorchBatch training = weight_batches_->load(weight_step);
    const double rate = rate_at(weight_step);
    const Weights optimizer_state = optimizer_->state();
    double value = 0;
    const BilevelProblem problem{store_.trainable().tensors, architecture_.logits(),
                                 [&] {
                                   store_.set_mixture(noise_kept(step));
                                   return loss_of(*executor_, store_, training, false, stream_of(3, step));
                                 },
                                 [&] {
                                   store_.set_mixture(noise_kept(step));
                                   const at::Tensor loss =
                                       loss_of(*executor_, store_, batch, false, stream_of(2, step));
                                   value = loss.item<double>();
                                   return with_cost(loss);
                                 }};
    architecture_.step(second_order_gradients(problem, rate, [&] {
      store_.begin_step();
      store_.set_mixture(detached(noise_kept(step)));
      apply(store_, *optimizer_, store_.gradients(loss_of(*executor_, store_, training, false, stream_of(3, step))),
            rate);
    }));
    optimizer_->load(optimizer_state);
    return value;
  }

  // The mixture of a step of the architecture, with the same noise each time it is asked.
  MixWeights noise_kept(int64_t step) const {
    Random random = Random::stream(options_.seed, "architecture step", static_cast<uint64_t>(step));
    return architecture_.mixture(random, temperature_, true);
  }

  static MixWeights detached(MixWeights weights) {
    for (auto& [key, value] : weights) value = value.detach();
    return weights;
  }

  double relaxed_step(const TorchBatch& batch, int64_t step, double rate, bool learns_now) {
    const TorchBatch other = architecture_batches_->load(step);
    const auto loss_by = [this, step](SharedStore& store, const TorchBatch& samples, uint64_t purpose) {
      return [this, step, &store, &samples, purpose](bool of_architecture) {
        const MixWeights mixture = noise_kept(step);
        store.begin_step();
        store.set_mixture(of_architecture ? mixture : detached(mixture));
        const at::Tensor loss = loss_of(*executor_, store, samples, !of_architecture, stream_of(purpose, step));
        return of_architecture && &store == second_.get() ? with_cost(loss) : loss;
      };
    };
    RelaxedProblem problem{store_.trainable().tensors,
                           second_->trainable().tensors,
                           architecture_.logits(),
                           loss_by(store_, batch, 1),
                           loss_by(*second_, other, 4),
                           [&](const Gradients& g) { apply(store_, *optimizer_, g, rate); },
                           [&](const Gradients& g) { apply(*second_, *second_optimizer_, g, rate); },
                           [&](const Gradients& g) { architecture_.step(g); },
                           settings_.train_weight,
                           settings_.proximity,
                           learns_now};
    return relaxed_iteration(problem);
  }

  // --- what comes of it
  Decisions chosen(const std::vector<std::vector<double>>& weights, Random* random) const {
    if (scales_) {
      return scales_->network(*space_, weights, {settings_.scale_threshold, settings_.macs_share}, options_.deployment,
                              random);
    }
    return NetworkChoice(*space_, full_, open(), {settings_.form.edge_weights, settings_.lattice_choice})
        .network(weights, random);
  }

  // The network with its weights and statistics; the last one is kept, for it is judged and then handed over.
  const Graph& calibrated(const Decisions& decisions, int64_t samples) {
    const std::string key = decisions.hash().hex() + " " + std::to_string(samples) + " " + std::to_string(next_epoch_);
    if (key != calibrated_key_) {
      calibrated_ = make_calibrated(decisions, samples);
      calibrated_key_ = key;
    }
    return calibrated_;
  }

  Graph make_calibrated(const Decisions& decisions, int64_t samples) {
    Supernet network = build_supernet(*space_, settings_.form, &decisions);
    Weights weights;
    weights.tensors = store_.network_weights(network.graph);
    const std::vector<std::vector<double>> p = probabilities();
    for (size_t i = 0; i < full_.open.size(); ++i) {  // sums that nothing is chosen of keep their weights
      weights.tensors.emplace_back(std::string(kMixPrefix) + open()[i].key,
                                   from_torch(at::tensor(p[i], at::TensorOptions(at::kFloat))));
    }
    apply_weights(network.graph, weights);
    if (samples > 0)
      recalibrate_batch_norm(network.graph, *task_, samples, std::max<int64_t>(settings_.recipe.batch_size, 64),
                             options_.seed, options_.numerics);
    return std::move(network.graph);
  }

  // --- going on
  static Weights below(const Weights& all, const std::string& prefix) {
    Weights part;
    for (const auto& [name, tensor] : all.tensors)
      if (name.starts_with(prefix)) part.tensors.emplace_back(name.substr(prefix.size()), tensor);
    return part;
  }

  void resume(const Weights& state) {
    architecture_.load(state);
    store_.load(below(state, "weights/"));
    optimizer_->load(state);
    if (Weights teacher = below(state, "teacher/"); !teacher.tensors.empty()) remember_teacher(teacher.tensors);
    if (second_) {
      second_->load(below(state, "second/weights/"));
      second_optimizer_->load(below(state, "second/"));
    }
    const auto record = state.metadata.find("epochs"), step = state.metadata.find("architecture_step");
    if (record == state.metadata.end() || step == state.metadata.end())
      throw UserError("the state of the supernet lacks its record of epochs");
    for (const Json& json : Json::parse(record->second)) {
      SupernetEpoch epoch{.epoch = json.at("epoch"), .probabilities = json.at("probabilities")};
      epoch.weight_loss = json.at("weight_loss");
      epoch.entropy = json.at("entropy");
      epoch.temperature = json.at("temperature");
      epoch.time_s = json.at("time_s");
      if (!json.at("architecture_loss").is_null()) epoch.architecture_loss = json.at("architecture_loss").get<double>();
      if (!json.at("expected_cost").is_null()) epoch.expected_cost = json.at("expected_cost").get<double>();
      epochs_.push_back(std::move(epoch));
    }
    next_epoch_ = static_cast<int64_t>(epochs_.size());
    if (const auto bytes = state.metadata.find("activation_bytes"); bytes != state.metadata.end())
      activation_bytes_ = std::stoll(bytes->second);
    if (const auto reinforce = state.metadata.find("reinforce"); reinforce != state.metadata.end()) {
      const Json json = Json::parse(reinforce->second);
      reference_ = json.at("reference");
      if (!json.at("baseline").is_null()) baseline_ = json.at("baseline").get<double>();
    }
    architecture_step_ = std::stoll(step->second);
  }

  std::shared_ptr<const Space> space_;
  std::shared_ptr<const Task> task_;
  const SupernetSettings settings_;
  const SupernetOptions options_;
  Supernet full_;
  std::unique_ptr<Superkernels> superkernels_;  // with thresholds
  std::unique_ptr<ChannelScales> scales_;       // of widths
  SharedStore store_;
  std::unique_ptr<SharedStore> second_;  // RARTS: y
  Architecture architecture_;
  std::unique_ptr<Loss> loss_;
  BatchSource source_;
  std::vector<std::string> inputs_;
  size_t output_;
  std::unique_ptr<Batches> weight_batches_, architecture_batches_;
  std::vector<Phase> phases_;
  std::unique_ptr<TorchExecutor> teacher_;
  std::unique_ptr<PlainStore> teacher_store_;
  std::unique_ptr<Optimizer> optimizer_, second_optimizer_;
  std::unique_ptr<TorchExecutor> executor_;  // of everything
  std::unique_ptr<ExpectedCost> cost_;
  CostTerm term_;
  MixWeights cost_weights_;  // of this step, instead of soft-max
  Graph calibrated_;
  std::string calibrated_key_;
  double temperature_ = 1;
  int64_t activation_bytes_ = 0;    // of the largest step
  double reference_ = 0;            // of reinforce: the cost that is worth 1
  std::optional<double> baseline_;  // of reinforce
  int64_t total_steps_ = 0, next_epoch_ = 0, architecture_step_ = 0;
  std::vector<SupernetEpoch> epochs_;
};

SupernetTraining::SupernetTraining(std::shared_ptr<const Space> space, std::shared_ptr<const Task> task,
                                   SupernetSettings settings, SupernetOptions options)
    : impl_(std::make_unique<Impl>(std::move(space), std::move(task), std::move(settings), std::move(options))) {}
SupernetTraining::~SupernetTraining() = default;

void SupernetTraining::run() { impl_->run(); }
const std::vector<OpenDecision>& SupernetTraining::open() const { return impl_->open(); }
std::vector<std::vector<double>> SupernetTraining::probabilities() const { return impl_->probabilities(); }
const std::vector<SupernetEpoch>& SupernetTraining::epochs() const { return impl_->epochs(); }
Decisions SupernetTraining::best_network() const { return impl_->best_network(); }
Decisions SupernetTraining::largest_network() const { return impl_->largest_network(); }
Weights SupernetTraining::state() const { return impl_->state(); }
Decisions SupernetTraining::sampled_network(Random& random) const { return impl_->sampled_network(random); }
std::optional<double> SupernetTraining::cost_of(const Decisions& decisions) const { return impl_->cost_of(decisions); }
Metrics SupernetTraining::evaluate(const Decisions& decisions, int64_t samples) {
  return impl_->evaluate(decisions, samples);
}
Weights SupernetTraining::network_weights(const Decisions& decisions, int64_t samples) {
  return impl_->network_weights(decisions, samples);
}
SupernetMemory SupernetTraining::memory() const { return impl_->memory(); }
int64_t SupernetTraining::parameter_count() const { return impl_->parameter_count(); }

}  // namespace nacre
