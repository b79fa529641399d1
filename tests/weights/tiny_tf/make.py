"""Write this folder's checkpoint and frozen graph by TensorFlow itself (2.21 wrote these).

    python tests/weights/tiny_tf/make.py

The values follow from a formula that test_tf_files.py repeats.
"""

import os
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SHAPES = {
    'weights': (3, 3, 2, 4),
    'BatchNorm/gamma': (4,),
    'BatchNorm/beta': (4,),
    'BatchNorm/moving_mean': (4,),
    'BatchNorm/moving_variance': (4,),
}


def arrays() -> dict[str, np.ndarray]:
    """Name and values of every variable."""
    result: dict[str, np.ndarray] = {}
    for unit in range(4):
        for leaf, shape in SHAPES.items():
            values = (np.arange(np.prod(shape)).reshape(shape) - len(result)) / 8
            values = np.ones(shape) if leaf.endswith('gamma') else values
            result[f'xception_65/unit_{unit}/{leaf}'] = values.astype(np.float32)
    result['logits/semantic/biases'] = ((np.arange(21) - len(result)) / 8).astype(np.float32)
    result['half/weights'] = np.linspace(0, 1, 6).astype(np.float16).reshape(2, 3)
    return result


def main() -> None:
    """Build a graph that adds up its variables, save it and freeze it."""
    os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
    from tensorflow.compat import v1

    with v1.Graph().as_default() as graph, v1.Session() as session:
        total = v1.reduce_sum(v1.placeholder('float32', (None,), name='ImageTensor'))
        for name, values in arrays().items():
            variable = v1.get_variable(name, initializer=values, use_resource=False)
            total += v1.cast(v1.reduce_sum(variable), 'float32')
        v1.identity(total, name='SemanticPredictions')
        v1.train.get_or_create_global_step()
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(HERE / 'model.ckpt'), write_meta_graph=False)
        (HERE / 'checkpoint').unlink()
        frozen = v1.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), ['SemanticPredictions']
        )
    (HERE / 'frozen.pb').write_bytes(frozen.SerializeToString())


if __name__ == '__main__':
    main()
