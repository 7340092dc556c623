"""The Blender side of the scenes: runs where bpy is installed; imports bpy, numpy and light parts of likewise."""
