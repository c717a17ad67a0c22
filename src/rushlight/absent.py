"""The names of PyTorch (2.13) that Rushlight does not have: whoever asks for one is told so.

Read only when a name is missing; a comparison with PyTorch keeps the lists true.
"""

from __future__ import annotations

__all__ = ["ABSENT"]

ABSENT: dict[str, str] = {
    "rushlight": """
        AcceleratorError AliasDb Argument ArgumentSpec BenchmarkConfig BenchmarkExecutionStats Block
        BoolTensor BufferDict ByteTensor CallStack Capsule CharTensor Code CompilationUnit
        CompleteArgumentSpec ConcreteModuleTypeBuilder DeepCopyMemoTable
        DeserializationStorageContext DisableTorchFunction DisableTorchFunctionSubclass DispatchKey
        DispatchKeySet DoubleTensor ErrorReport Event ExcludeDispatchKeyGuard ExecutionPlan
        FatalError FileCheck FloatTensor FunctionSchema Future GradScaler Gradient Graph
        GraphExecutorState IODescriptor IntTensor JITException LiteScriptModule LockingLogger
        LongTensor ModuleDict Node NoopLogger OperatorInfo OutOfMemoryError ParameterDict
        PyTorchFileReader PyTorchFileWriter ScriptClass ScriptClassFunction ScriptDict
        ScriptDictIterator ScriptDictKeyIterator ScriptFunction ScriptList ScriptListIterator
        ScriptMethod ScriptModule ScriptModuleSerializer ScriptObject ScriptObjectProperty
        SerializationStorageContext ShortTensor Size StaticModule Stream SymBool SymFloat SymInt Tag
        ThroughputBenchmark TracingState Use Value abs_ absolute acos acos_ acosh acosh_
        adaptive_avg_pool1d adaptive_max_pool1d addbmm addmv addmv_ addr adjoint
        affine_grid_generator alpha_dropout alpha_dropout_ aminmax amp angle ao arccos arccos_
        arccosh arccosh_ arcsin arcsin_ arcsinh arcsinh_ arctan arctan2 arctan_ arctanh arctanh_
        are_deterministic_algorithms_enabled argwhere as_strided as_strided_ as_strided_scatter
        asarray asin asin_ asinh asinh_ atan atan2 atan_ atanh atanh_ atleast_1d atleast_2d
        atleast_3d autocast autocast_decrement_nesting autocast_increment_nesting avg_pool1d baddbmm
        bartlett_window batch_norm batch_norm_backward_elemt batch_norm_backward_reduce
        batch_norm_elemt batch_norm_gather_stats batch_norm_gather_stats_with_counts
        batch_norm_stats batch_norm_update_stats bfloat16 bilinear binary_cross_entropy_with_logits
        bincount binomial bit bits16 bits1x8 bits2x4 bits4x2 bits8 bitwise_left_shift
        bitwise_right_shift blackman_window block_diag broadcast_shapes broadcast_tensors bucketize
        can_cast cartesian_prod cdist cdouble ceil_ celu celu_ cfloat chain_matmul chalf
        channel_shuffle cholesky cholesky_inverse cholesky_solve choose_qparams_optimized clamp_
        clamp_max clamp_max_ clamp_min clamp_min_ classes classproperty clear_autocast_cache clip
        clip_ column_stack combinations compiled_with_cxx11_abi compiler complex complex128
        complex32 complex64 concatenate cond conj conj_physical conj_physical_ constant_pad_nd
        conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d convolution
        copysign corrcoef cos_ cosh cosh_ cosine_embedding_loss cosine_similarity cov cpp cpu cross
        ctc_loss cummax cummin cumprod cumulative_trapezoid deg2rad deg2rad_ dequantize det detach
        detach_ diag diag_embed diagflat diagonal diagonal_scatter diff digamma dist distributed
        distributions divide dropout dropout_ dsmm dsplit dstack dtype eig embedding embedding_bag
        embedding_renorm_ empty_permuted empty_quantized empty_strided erf_ erfc erfc_ erfinv exp2
        exp2_ exp_ expm1_ export fake_quantize_per_channel_affine fake_quantize_per_tensor_affine
        feature_alpha_dropout feature_alpha_dropout_ feature_dropout feature_dropout_ fft fill fill_
        finfo fix fix_ fliplr flipud float4_e2m1fn_x2 float8_e4m3fn float8_e4m3fnuz float8_e5m2
        float8_e5m2fnuz float8_e8m0fnu float_power floor_ fmax fmin fmod fork frac frac_ frexp
        frobenius_norm from_file frombuffer func functional fused_moving_avg_obs_fake_quant futures
        fx gcd gcd_ geqrf ger get_autocast_cpu_dtype get_autocast_dtype get_autocast_gpu_dtype
        get_autocast_ipu_dtype get_autocast_xla_dtype get_default_device get_default_dtype
        get_deterministic_debug_mode get_device get_device_module get_file_path
        get_float32_matmul_precision get_num_interop_threads get_num_threads gradient greater
        greater_equal grid_sampler grid_sampler_2d grid_sampler_3d group_norm gru gru_cell
        hamming_window hann_window hardshrink hash_tensor heaviside hinge_embedding_loss histc
        histogram histogramdd hsmm hsplit hspmm hub hypot i0 i0_ igamma igammac iinfo imag index_add
        index_fill index_put index_put_ index_reduce inference_mode init_num_threads inner
        instance_norm int1 int2 int3 int4 int5 int6 int7 int_repr inverse
        is_anomaly_check_nan_enabled is_anomaly_enabled is_autocast_cache_enabled
        is_autocast_cpu_enabled is_autocast_enabled is_autocast_ipu_enabled is_autocast_xla_enabled
        is_complex is_conj is_deterministic_algorithms_warn_only_enabled is_distributed
        is_floating_point is_inference is_inference_mode_enabled is_neg is_nonzero is_same_size
        is_signed is_storage is_vulkan_available is_warn_always_enabled isin isneginf isposinf
        isreal istft jit kaiser_window kl_div kron kthvalue layer_norm layout lcm lcm_ ldexp ldexp_
        less less_equal lgamma library linalg load lobpcg log10_ log1p_ log2_ log_ logaddexp
        logaddexp2 logcumsumexp logdet logit logit_ logspace lstm lstm_cell lstsq lu lu_solve
        lu_unpack margin_ranking_loss masked masked_scatter matrix_exp matrix_power matrix_rank
        max_pool1d max_pool1d_with_indices max_pool2d max_pool3d median memory_format
        merge_type_from_type_comment meshgrid mode monitor moveaxis mps msort mtia multinomial
        multiply multiprocessing mvlgamma nan_to_num nan_to_num_ nanmean nanmedian nanquantile
        nansum native_batch_norm native_channel_shuffle native_dropout native_group_norm
        native_layer_norm native_norm neg_ negative negative_ nested nextafter nonzero_static
        norm_except_dim not_equal nuclear_norm numel orgqr ormqr overrides package pairwise_distance
        pca_lowrank pdist pinverse pixel_shuffle pixel_unshuffle poisson poisson_nll_loss polar
        polygamma positive prelu prepare_multiprocessing_environment profiler
        profiler_allow_cudagraph_cupti_lazy_reinit_cuda12 promote_types put qint32 qint8 qr qscheme
        quantile quantization quantize_per_channel quantize_per_tensor quantize_per_tensor_dynamic
        quasirandom quint2x4 quint4x2 quint8 rad2deg rad2deg_ random range real reciprocal_ relu_
        renorm repeat_interleave resize_as_ resize_as_sparse_ resolve_conj resolve_neg result_type
        return_types rms_norm rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell roll rot90 round_
        row_stack rrelu rrelu_ rsqrt_ rsub saddmm save scalar_tensor scatter_reduce searchsorted
        segment_reduce select_scatter selu selu_ serialization set_anomaly_enabled
        set_autocast_cache_enabled set_autocast_cpu_dtype set_autocast_cpu_enabled
        set_autocast_dtype set_autocast_enabled set_autocast_gpu_dtype set_autocast_ipu_dtype
        set_autocast_ipu_enabled set_autocast_xla_dtype set_autocast_xla_enabled set_default_device
        set_default_dtype set_default_tensor_type set_deterministic_debug_mode
        set_float32_matmul_precision set_flush_denormal set_num_interop_threads set_num_threads
        set_printoptions set_warn_always sgn sigmoid_ signal signbit sin_ sinc sinc_ sinh sinh_
        slice_inverse slice_scatter slogdet smm solve sparse sparse_bsc_tensor sparse_bsr_tensor
        sparse_compressed_tensor sparse_coo_tensor sparse_csc_tensor sparse_csr_tensor special
        split_with_sizes spmm sqrt_ square_ sspaddmm std_mean stft storage subtract svd svd_lowrank
        swapdims symeig take tan_ tanh_ tensor_split tensordot testing thread_safe_generator
        threshold threshold_ to_dlpack torch_version trace trapezoid trapz triangular_solve
        tril_indices triplet_margin_loss triu_indices true_divide trunc_ typename types uint1 uint16
        uint2 uint3 uint32 uint4 uint5 uint6 uint64 uint7 unify_type_list unique unique_consecutive
        unravel_index unsafe_chunk unsafe_split unsafe_split_with_sizes use_deterministic_algorithms
        utils vander var_mean vdot version view_as_complex view_as_real vmap vsplit wait while_loop
        windows xlogy xlogy_ xpu zero_
    """,
    "rushlight.autograd": """
        NestedIOFunction Variable detect_anomaly enforce_grad_layout_policy grad_mode inference_mode
        set_detect_anomaly set_multithreading_enabled variable
    """,
    "rushlight.data": """
        BatchSampler ChainDataset ConcatDataset DFIterDataPipe DataChunk DistributedSampler
        IterDataPipe IterableDataset MapDataPipe RandomSampler Sampler SequentialSampler
        StackDataset SubsetRandomSampler WeightedRandomSampler argument_validation default_convert
        functional_datapipe get_worker_info guaranteed_datapipes_determinism non_deterministic
        runtime_validation runtime_validation_disabled
    """,
    "rushlight.nn": """
        AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveLogSoftmaxWithLoss
        AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d AlphaDropout AvgPool1d AvgPool2d
        AvgPool3d BatchNorm1d BatchNorm2d BatchNorm3d Bilinear Buffer CELU CTCLoss ChannelShuffle
        CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d
        Container Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d
        CosineEmbeddingLoss CosineSimilarity CrossMapLRN2d DataParallel Dropout1d Dropout2d
        Dropout3d ELU Embedding EmbeddingBag FeatureAlphaDropout Fold FractionalMaxPool2d
        FractionalMaxPool3d GELU GLU GRU GRUCell GaussianNLLLoss GroupNorm Hardshrink Hardsigmoid
        Hardswish Hardtanh HingeEmbeddingLoss HuberLoss InstanceNorm1d InstanceNorm2d InstanceNorm3d
        KLDivLoss LPPool1d LPPool2d LPPool3d LSTM LSTMCell LayerNorm LazyBatchNorm1d LazyBatchNorm2d
        LazyBatchNorm3d LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d
        LazyConvTranspose3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d LazyLinear
        LinearCrossEntropyLoss LinearCrossEntropyOptions LocalResponseNorm LogSigmoid
        MarginRankingLoss MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d Mish
        MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss MultiheadAttention NLLLoss2d
        PReLU PairwiseDistance ParameterDict ParameterList PixelShuffle PixelUnshuffle
        PoissonNLLLoss RMSNorm RNN RNNBase RNNCell RNNCellBase RReLU ReLU6 ReflectionPad1d
        ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d SELU SiLU
        SmoothL1Loss SoftMarginLoss Softmax2d Softmin Softshrink Softsign SyncBatchNorm Tanhshrink
        Threshold Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder
        TransformerEncoderLayer TripletMarginLoss TripletMarginWithDistanceLoss Unflatten Unfold
        UninitializedBuffer UninitializedParameter Upsample UpsamplingBilinear2d UpsamplingNearest2d
        ZeroPad1d ZeroPad2d ZeroPad3d attention common_types factory_kwargs grad intrinsic modules
        parallel parameter qat quantizable quantized
    """,
    "rushlight.nn.functional": """
        Tensor adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
        adaptive_max_pool1d_with_indices adaptive_max_pool2d adaptive_max_pool2d_with_indices
        adaptive_max_pool3d adaptive_max_pool3d_with_indices affine_grid alpha_dropout
        assert_int_or_pair avg_pool1d avg_pool2d avg_pool3d batch_norm bilinear boolean_dispatch
        celu celu_ channel_shuffle conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d
        conv_transpose3d cosine_embedding_loss cosine_similarity ctc_loss dropout1d dropout2d
        dropout3d elu elu_ embedding embedding_bag feature_alpha_dropout fold fractional_max_pool2d
        fractional_max_pool2d_with_indices fractional_max_pool3d fractional_max_pool3d_with_indices
        gaussian_nll_loss gelu glu grad grid_sample group_norm grouped_mm gumbel_softmax
        handle_torch_function hardshrink hardsigmoid hardswish hardtanh hardtanh_ has_torch_function
        has_torch_function_unary has_torch_function_variadic hinge_embedding_loss huber_loss
        instance_norm interpolate kl_div layer_norm leaky_relu_ linear_cross_entropy
        local_response_norm logsigmoid lp_pool1d lp_pool2d lp_pool3d margin_ranking_loss max_pool1d
        max_pool1d_with_indices max_pool2d max_pool2d_with_indices max_pool3d
        max_pool3d_with_indices max_unpool1d max_unpool2d max_unpool3d mish
        multi_head_attention_forward multi_margin_loss multilabel_margin_loss
        multilabel_soft_margin_loss native_channel_shuffle normalize pad pairwise_distance pdist
        pixel_shuffle pixel_unshuffle poisson_nll_loss prelu relu6 relu_ rms_norm rrelu rrelu_
        scaled_dot_product_attention scaled_grouped_mm scaled_mm selu selu_ silu smooth_l1_loss
        soft_margin_loss softmin softshrink softsign tanhshrink threshold threshold_
        triplet_margin_loss triplet_margin_with_distance_loss unfold upsample upsample_bilinear
        upsample_nearest
    """,
    "rushlight.nn.init": """
        constant dirac dirac_ eye eye_ kaiming_normal kaiming_uniform normal orthogonal orthogonal_
        sparse sparse_ trunc_normal_ uniform xavier_normal xavier_uniform
    """,
    "rushlight.nn.utils": """
        clip_grad_norm clip_grads_with_norm_ convert_conv2d_weight_memory_format
        convert_conv3d_weight_memory_format fuse_conv_bn_eval fuse_conv_bn_weights
        fuse_linear_bn_eval fuse_linear_bn_weights parametrizations parametrize remove_spectral_norm
        remove_weight_norm rnn skip_init spectral_norm stateless weight_norm
    """,
    "rushlight.optim": """
        ASGD Adadelta Adafactor Adagrad Adamax LBFGS Muon NAdam RAdam RMSprop Rprop SparseAdam
        swa_utils swap_in_optimizer_params_and_state
    """,
    "rushlight.optim.lr_scheduler": """
        ChainedScheduler ConstantLR CosineAnnealingWarmRestarts CyclicLR ExponentialLR LinearLR
        MultiStepLR MultiplicativeLR OneCycleLR PolynomialLR ReduceLROnPlateau SequentialLR
    """,
    "Tensor": """
        H absolute_ acos acos_ acosh acosh_ addbmm addbmm_ addmm_ addmv addmv_ addr addr_ adjoint
        aminmax angle apply_ arccos arccos_ arccosh arccosh_ arcsin arcsin_ arcsinh arcsinh_ arctan
        arctan2 arctan2_ arctan_ arctanh arctanh_ argwhere as_strided as_strided_ as_strided_scatter
        as_subclass asin asin_ asinh asinh_ atan atan2 atan2_ atan_ atanh atanh_ baddbmm baddbmm_
        bfloat16 bincount bitwise_and_ bitwise_left_shift bitwise_left_shift_ bitwise_not_
        bitwise_or_ bitwise_right_shift bitwise_right_shift_ bitwise_xor_ cauchy_ ccol_indices
        cdouble ceil_ cfloat chalf cholesky cholesky_inverse cholesky_solve clamp_max clamp_max_
        clamp_min clamp_min_ coalesce col_indices conj conj_physical conj_physical_ const_data_ptr
        copysign copysign_ corrcoef cos_ cosh cosh_ cov cross crow_indices cummax cummin cumprod
        cumprod_ cumsum_ data_ptr deg2rad deg2rad_ dense_dim dequantize det detach_ diag diag_embed
        diagflat diagonal diagonal_scatter diff digamma digamma_ dim_order dist dsplit eig
        eq_ erf_ erfc erfc_ erfinv erfinv_ exp2 exp2_ expm1_ exponential_ fill_diagonal_ fix fix_
        fliplr flipud float_power float_power_ floor_ fmax fmin fmod fmod_ frac frac_
        frexp gcd gcd_ ge_ geometric_ geqrf ger get_device grad_dtype greater_ greater_equal_ gt_
        hardshrink hash_tensor heaviside heaviside_ histc histogram hsplit hypot hypot_ i0 i0_
        igamma igamma_ igammac igammac_ imag index index_add index_add_ index_copy_ index_fill
        index_fill_ index_put index_put_ index_reduce index_reduce_ indices inner int_repr inverse
        ipu is_coalesced is_complex is_conj is_cpu is_cuda is_distributed is_inference is_ipu
        is_maia is_meta is_mkldnn is_mps is_mtia is_neg is_nested is_nonzero is_pinned is_quantized
        is_same_size is_set_to is_shared is_signed is_sparse is_sparse_csr is_vulkan is_xla is_xpu
        isneginf isposinf isreal istft itemsize kron kthvalue layout lcm lcm_ ldexp ldexp_ le_ less_
        less_equal_ lgamma lgamma_ log10_ log1p_ log2_ log_ log_normal_ logaddexp logaddexp2
        logcumsumexp logdet logical_and_ logical_not_ logical_or_ logical_xor_ logit logit_ lstsq
        lt_ lu lu_solve mH map2_ map_ masked_scatter masked_scatter_ matrix_exp matrix_power median
        mode module_load moveaxis msort mtia multinomial multiply_ mvlgamma mvlgamma_ name
        nan_to_num nan_to_num_ nanmean nanmedian nanquantile nansum nbytes ndimension ne_ negative_
        nelement new new_empty new_empty_strided nextafter nextafter_ nonzero_static not_equal_
        orgqr ormqr output_nr pin_memory pinverse polygamma polygamma_ positive prelu put put_ qr
        qscheme quantile rad2deg rad2deg_ random_ real reciprocal_ record_stream
        register_post_accumulate_grad_hook reinforce renorm renorm_ repeat_interleave
        resize resize_ resize_as resize_as_ resize_as_sparse_ resolve_conj resolve_neg retains_grad
        roll rot90 round_ row_indices rsqrt_ scatter_reduce scatter_reduce_ select_scatter set_ sgn
        sgn_ share_memory_ sign_ signbit sin_ sinc sinc_ sinh sinh_ slice_inverse slice_scatter
        slogdet smm solve sparse_dim sparse_mask sparse_resize_ sparse_resize_and_clear_
        split_with_sizes square_ squeeze_ sspaddmm stft storage storage_offset storage_type
        subtract_ svd swapaxes_ swapdims_ symeig t_ take tan_ tensor_split to_dense to_mkldnn
        to_padded_tensor to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc
        to_sparse_csr trace transpose_ triangular_solve tril_ triu_ trunc_ type unfold
        unique unique_consecutive unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze_
        untyped_storage values vdot volatile vsplit xlogy xlogy_ xpu
    """,
}
